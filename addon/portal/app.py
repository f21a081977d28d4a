"""The portal: a small website beside the proxy, for staff and for whoever looks after it.

It is a process of its own, so that no page of it can hold up traffic, and it shows nothing about
anybody: what it knows of the proxy are the counts and times in the state folder.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, abort, jsonify, render_template, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from addon.broken_records import broken_records
from addon.forwarding.status import read_forwarding
from addon.identity.presence import read_presence
from addon.look import TEMPLATES, content_security_policy, in_words, stylesheet
from addon.policy_in_force import PolicyInForce
from addon.portal.authority import Authority, NoAuthority, read_authority, read_next
from addon.portal.health import health, versions
from addon.portal.host_names import host_name, is_ours
from addon.portal.logons import logon_reports
from addon.portal.proxy_auto_config import MEDIA_TYPE, proxy_auto_config
from addon.portal.reloading import Reloading
from addon.portal.sign_in import SignInSettings, sign_in_pages
from addon.record_room import little_room
from addon.status import read_all
from rules.hosts import HostError, canonical_host
from rules.identity import Source

_STYLE: Final = ("look.css", "portal.css")
_REFERENCE: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}")
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, never listened on


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """What the portal has to know. `clock` gives the time, aware and UTC."""

    state: Path
    policy: PolicyInForce
    clock: Callable[[], datetime]
    proxy_host: str = "127.0.0.1"
    proxy_port: int = 8080
    workers: int = 1
    names: frozenset[str] = frozenset()  # full names that browsers may call the portal by

    def sign_in(self) -> SignInSettings:
        """What the pages for signing in have to know of it."""
        return SignInSettings(self.state, lambda: self.policy.now.policy, self.clock, self.names)


def create_app(settings: PortalSettings) -> Flask:
    """The portal as a WSGI application."""
    app = Flask(__name__, static_folder=None, template_folder=str(TEMPLATES))
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["dialled"] = lambda number: re.sub(r"[^0-9+]", "", number)
    app.json.sort_keys = False  # type: ignore[attr-defined] # Flask's own provider has it

    @app.context_processor
    def everywhere() -> dict[str, Any]:
        return {
            "school": settings.policy.now.policy.school.name,
            "style": stylesheet(*_STYLE),
            "version": versions()["schoolgate"],
            "signs_in": Source.SIGN_IN in settings.policy.now.policy.identity.sources,
        }

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", content_security_policy(*_STYLE))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(HTTPException)
    def refused(fault: HTTPException) -> tuple[str, int, list[tuple[str, str]]]:
        kept = [(name, value) for name, value in fault.get_headers() if name == "Allow"]
        if fault.code == 404:
            return *_problem("There is no such page", "The link may be old or mistyped.", 404), kept
        if (fault.code or 500) < 500:
            what = "Your browser asked for something that this page cannot do."
            return *_problem("That did not work", what, fault.code or 400), kept
        what = "This is a fault of the portal, not of yours. The gate itself is not affected."
        return *_problem("Something went wrong on our side", what, fault.code or 500), kept

    @app.get("/")
    def front() -> str:
        people = settings.policy.now.policy.school.contacts
        return render_template(
            "front.html", contacts=(people.head, people.senior_teacher, people.it)
        )

    @app.get("/ask")
    def ask() -> str:
        people = settings.policy.now.policy.school.contacts
        device = request.args.get("about") == "device"
        reference = request.args.get("reference", "").upper()
        return render_template(
            "ask.html",
            contacts=(people.it, people.head) if device else (people.head, people.senior_teacher),
            device=device,
            site=_site_name(settings, request.args.get("site", "")),
            reference=reference if _REFERENCE.fullmatch(reference) else "",
        )

    @app.get("/healthz")
    def healthz() -> tuple[Response, int]:
        now = settings.clock()
        readings, presence = read_all(settings.state, now), read_presence(settings.state)
        records = [reading.status.record for reading in readings if reading.status]
        facts = health(
            *(settings.policy.now, readings, settings.workers, now, presence),
            forwarding=read_forwarding(settings.state),
            further=map(
                str,
                (
                    *broken_records(settings.state),
                    *little_room(settings.state, records).values(),
                ),
            ),
        )
        status = 503 if facts["problems"] else 200
        if not is_ours(host_name(request.headers.get("Host", "")), settings.names):
            facts = {"status": facts["status"]}  # somebody else's name: see host_names
        return jsonify(facts), status

    @app.get("/certificate")
    def certificate() -> str | tuple[str, int]:
        try:
            authority = read_authority(settings.state)
        except NoAuthority as fault:
            return _no_certificate(fault)
        until = authority.valid_until.astimezone(settings.policy.now.policy.school.timezone)
        return render_template(
            "certificate.html",
            authority=authority,
            valid_until=in_words(until),
            following=read_next(settings.state),
        )

    @app.get("/certificate/schoolgate-ca.<form>")
    def download(form: str) -> Response | tuple[str, int]:
        try:
            return _in_form(read_authority(settings.state), form)
        except NoAuthority as fault:
            return _no_certificate(fault)

    @app.get("/certificate/schoolgate-ca-next.<form>")
    def download_next(form: str) -> Response:
        authority = read_next(settings.state)
        if authority is None:
            abort(404)
        return _in_form(authority, form)

    def _in_form(authority: Authority, form: str) -> Response:
        if form == "pem":
            return Response(authority.pem, mimetype="application/x-pem-file")
        if form == "crt":
            return Response(authority.der, mimetype="application/x-x509-ca-cert")
        if form == "mobileconfig":
            profile = authority.apple_profile(settings.policy.now.policy.school.name)
            return Response(profile, mimetype="application/x-apple-aspen-config")
        abort(404)

    @app.get("/proxy.pac")
    @app.get("/wpad.dat")
    def pac() -> Response:
        policy = settings.policy.now.policy
        sites = [site for site in policy.catalogue if site.id in policy.restricted]
        script = proxy_auto_config(sites, _proxy(settings))
        return Response(script, mimetype=MEDIA_TYPE, headers={"Cache-Control": "max-age=300"})

    app.register_blueprint(
        Reloading(settings.policy, settings.state, settings.clock, settings.workers).page()
    )
    app.register_blueprint(sign_in_pages(settings.sign_in()))
    app.register_blueprint(
        logon_reports(settings.state, lambda: settings.policy.now.policy, settings.clock)
    )
    return app


def _problem(heading: str, what: str, status: int) -> tuple[str, int]:
    page = render_template(
        "problem.html", heading=heading, what=what, way_on="/", way_on_words="Back to the start"
    )
    return page, status


def _no_certificate(fault: NoAuthority) -> tuple[str, int]:
    page = render_template(
        "problem.html",
        heading="No certificate to give out",
        what=str(fault),
        way_on="/certificate",
        way_on_words="Look again",
    )
    return page, 404


def _proxy(settings: PortalSettings) -> str:
    """Where browsers find the proxy: as configured, or, if it listens everywhere, as the portal.

    A Host header is the browser's to write, so only one that can be a host gets into the script.
    """
    host = settings.proxy_host
    if host in _EVERYWHERE:
        asked = host_name(request.headers.get("Host", ""))
        if asked is None:
            abort(400)
        host = asked
    elif ":" in host:
        host = f"[{host}]"
    return f"{host}:{settings.proxy_port}"


def _site_name(settings: PortalSettings, text: str) -> str:
    """The name of the site that a link speaks of, or its host, or '' if it is neither."""
    try:
        host = canonical_host(text)
    except HostError:
        return ""
    site = settings.policy.now.policy.catalogue.site_of(host)
    return site.name if site else host
