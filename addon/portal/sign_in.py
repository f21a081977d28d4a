"""Signing in at the portal: a plain form that says who is at this device, for a while.

No cookie is set, because what is signed in is the device and not the browser. A form carries a
token that is good for one address, so that no other website can have a visitor's browser send it;
and the page answers only to names that are the school's, so that none can read it either.
"""

import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, abort, make_response, render_template, request

from addon.identity.reporting import CounterClosed, report
from addon.identity.sign_in_codes import TooBusy, redeem
from addon.look import content_security_policy
from addon.off_limits import is_this_machines
from addon.portal.host_names import host_name, is_ours
from addon.throttle import Throttle
from rules.hosts import canonical_address
from rules.identity import Source
from rules.policy import Policy

_STYLE: Final = ("look.css", "portal.css")
_FORM_LASTS: Final = timedelta(hours=1)

_WRONG: Final = "That name and code do not go together, or the code was used before or is too old."
_TOO_OFTEN: Final = "There were too many tries. Wait ten minutes, then try again."
_OLD_PAGE: Final = "This page had been open for too long. Please try again."
_CLOSED: Final = "We could not sign you in just now. Please try again in a minute."
_PROXIED: Final = (
    "Your browser reached this page through the gate, so we cannot tell which device you are at."
    " Ask whoever looks after the computers to have this page opened directly."
)


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """What the pages have to know. `names` are full names that the portal goes by."""

    state: Path
    policy: Callable[[], Policy]
    clock: Callable[[], datetime]
    names: Collection[str] = frozenset()


def sign_in_pages(settings: SignInSettings) -> Blueprint:
    """`/sign-in` and `/sign-out`."""
    pages = Blueprint("sign_in", __name__)
    key = secrets.token_bytes(32)
    # A code has fifty bits and is good for a day: at any pace it is not guessed. A limit for each
    # person would only let others keep them out.
    by_address = Throttle(10, 600)

    def token(address: str, at: datetime) -> str:
        moment = str(int(at.timestamp()))
        digest = hmac.new(key, f"{address} {moment}".encode(), "sha256").hexdigest()
        return f"{moment}.{digest}"

    def is_good(given: str, address: str) -> bool:
        moment, _, _ = given.partition(".")
        if not (moment.isascii() and moment.isdecimal() and len(moment) < 12):
            return False
        at, now = int(moment), settings.clock()
        age = now.timestamp() - at
        expected = token(address, datetime.fromtimestamp(at, now.tzinfo))
        fresh = -5 <= age <= _FORM_LASTS.total_seconds()
        return hmac.compare_digest(given.encode(), expected.encode()) and fresh

    def page(name: str, status: int = 200, **facts: Any) -> Response:
        address = canonical_address(request.remote_addr or "")
        shown = render_template(name, token=token(address, settings.clock()), **facts)
        response = make_response(shown, status)
        policy = content_security_policy(*_STYLE).replace(
            "form-action 'none'", "form-action 'self'"
        )
        response.headers["Content-Security-Policy"] = policy
        return response

    def form(said: str = "", status: int = 200) -> Response:
        account = request.form.get("account", "")[:100]
        return page("sign-in.html", status, said=said, account=account)

    def check() -> str | Response:
        """The client's address, or the answer to a request that cannot be one of our form's."""
        address = canonical_address(request.remote_addr or "")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            abort(400)
        if not is_good(request.form.get("token", ""), address):
            return form(_OLD_PAGE, 400)
        return address

    @pages.before_request
    def offered() -> None:
        if Source.SIGN_IN not in settings.policy().identity.sources:
            abort(404)
        if not is_ours(host_name(request.headers.get("Host", "")), settings.names):
            abort(400)

    @pages.get("/sign-in")
    def ask() -> Response:
        if is_this_machines(canonical_address(request.remote_addr or "")):
            return form(_PROXIED, 403)
        return form()

    @pages.post("/sign-in")
    def sign_in() -> Response:
        address = check()
        if isinstance(address, Response):
            return address
        if is_this_machines(address):
            return form(_PROXIED, 403)
        policy, now = settings.policy(), settings.clock()
        account = request.form.get("account", "")[:100]
        person = policy.identity.person_of(account)
        if not by_address.allows(address):
            return form(_TOO_OFTEN, 429)
        try:
            used = redeem(settings.state, person, request.form.get("code", ""), now)
        except TooBusy:
            return form(_CLOSED, 503)
        if person is None or used is None:
            return form(_WRONG, 403)
        until = now + policy.identity.sign_in_lasts
        try:
            report(
                settings.state, "arrived", Source.SIGN_IN, address,
                person=person, ends=until.isoformat(),
            )  # fmt: skip
        except CounterClosed:
            used.give_back()
            return form(_CLOSED, 503)
        local = until.astimezone(policy.school.timezone)
        return page("signed-in.html", person=policy.people[person].name, until=f"{local:%H:%M}")

    @pages.post("/sign-out")
    def sign_out() -> Response:
        address = check()
        if isinstance(address, Response):
            return address
        try:
            report(settings.state, "left", Source.SIGN_IN, address)
        except CounterClosed:
            return form(_CLOSED, 503)
        return page("signed-out.html")

    return pages
