"""Logons that a Windows domain reports: `POST /identity/logons`, signed.

Each report carries a time, a number used once, and an HMAC-SHA256 (RFC 2104) over both and the
body, by the secret that the domain controller and the gate share. One that is old, or was seen
before, is refused, so that nobody can record one and send it again, nor after a restart: see
`nonces`. `logons.ps1`, beside the
identity sources, is an example of what sends them.
"""

import hmac
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, jsonify, request
from werkzeug.exceptions import BadRequest

from addon.identity.reporting import CounterClosed, report
from addon.identity.secret_files import LOGONS, SecretError, read_secret
from addon.portal.nonces import Nonces, NoncesUnkept
from addon.state_folder import logon_nonces
from rules.hosts import HostError, canonical_address
from rules.identity import Source
from rules.policy import Policy

_AROUND: Final = 120.0
"""Seconds that a report's time may differ from ours."""
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_WHAT: Final = {"logon": "arrived", "still-on": "still-there", "logoff": "left"}

type Refusal = tuple[dict[str, str], int]


def signature(secret: bytes, time: str, nonce: str, body: bytes) -> str:
    """The signature of a report, in hex."""
    return hmac.new(secret, f"{time}\n{nonce}\n".encode() + body, "sha256").hexdigest()


def logon_reports(
    state: Path, policy: Callable[[], Policy], clock: Callable[[], datetime]
) -> Blueprint:
    """The place that takes reports."""
    pages = Blueprint("logons", __name__)
    nonces = Nonces(logon_nonces(state), keep=2 * _AROUND)

    def refusal() -> Refusal | None:
        """Why the request does not count, or None."""
        try:
            secret = read_secret(state, LOGONS)
        except SecretError as fault:
            return {"error": f"Logons cannot be checked: {fault}"}, 503
        time = request.headers.get("X-Schoolgate-Time", "")
        nonce = request.headers.get("X-Schoolgate-Nonce", "")
        given = request.headers.get("X-Schoolgate-Signature", "").lower()
        if not (time.isascii() and time.isdecimal() and len(time) < 12 and _NONCE.fullmatch(nonce)):
            return {"error": "The report is not signed."}, 401
        expected = signature(secret, time, nonce, request.get_data(cache=True))
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return {"error": "The signature is not right."}, 401
        now = clock().timestamp()
        if abs(now - int(time)) > _AROUND:
            return {"error": "The report is old, or one of the two clocks is wrong."}, 401
        try:
            fresh = nonces.use(nonce, now)
        except NoncesUnkept as fault:
            return {"error": f"Logons cannot be taken: {fault}"}, 503
        return None if fresh else ({"error": "The report was sent before."}, 401)

    @pages.post("/identity/logons")
    def heard() -> Any:
        identity = policy().identity
        if Source.LOGON not in identity.sources:
            return jsonify(error="The policy does not have 'logon' among its sources."), 404
        if refused := refusal():
            return jsonify(refused[0]), refused[1]
        try:
            body = request.get_json(force=True)
            what = _WHAT[body["event"]]
            address, account = canonical_address(body["address"]), str(body["account"])
        except (BadRequest, KeyError, TypeError, AttributeError, HostError):
            return jsonify(error="A report has an event, an account and an address."), 400
        if account.endswith("$"):
            return "", 204  # a computer's own account: nobody came and nobody left
        person = identity.person_of(account)
        try:
            if person:
                report(state, what, Source.LOGON, address, person=person)
            elif what != "left":
                # Somebody else is there now, or as well: whoever was there cannot be told any more.
                report(state, "left", Source.LOGON, address)
        except CounterClosed:
            return jsonify(error="Logons cannot be taken just now; send it again."), 503
        return "", 204

    return pages
