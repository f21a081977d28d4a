"""Having the policy read again from the portal: by the portal itself, and by every worker.

The workers are other processes. They look at the policy's files every second, and at one file more,
the bell in the state folder: touching it makes them read, even if nothing else has changed. How
they fared is in their status.

Nobody has an account here yet, so only this machine may ask, under its own name: whoever can do
that can also send a signal. A page that somebody has open on this machine cannot: browsers say
which site a request comes from.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, render_template, request

from addon.policy_in_force import PolicyInForce
from addon.portal.host_names import host_name
from addon.state_folder import bell_of
from addon.status import read_all

WORKERS_WITHIN: Final = 10.0
"""Seconds that the workers get; they usually need two."""

_LOOK_EVERY: Final = 0.1
_PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reloading:
    """What it takes: the portal's policy, the state folder, and how many workers there are."""

    policy: PolicyInForce
    state: Path
    clock: Callable[[], datetime]
    workers: int

    def page(self) -> Blueprint:
        """`POST /policy/reload`: JSON to whom asks for it, a page to browsers, else plain words."""
        pages, at_work = Blueprint("reloading", __name__), threading.Lock()

        @pages.post("/policy/reload")
        def reload() -> tuple[Response | str, int]:
            if not _from_here():
                what = "Only the computer that the gate runs on may do this, as http://localhost."
                return _answer(403, "This is not open to you", [what])
            if not at_work.acquire(blocking=False):
                return _answer(409, "One moment", ["The policy is being read already."])
            try:
                return self._reload()
            finally:
                at_work.release()

        return pages

    def _reload(self) -> tuple[Response | str, int]:
        asked = self.clock()
        if faults := self.policy.reload():
            heading = "The new policy has faults; the old one stays in force"
            return _answer(422, heading, faults.splitlines())
        try:
            bell_of(self.state).touch(mode=0o600)
        except OSError as error:
            what = f"The proxy could not be told to read it too: {error.strerror}."
            return _answer(500, "Only the portal has read the policy", [what])
        if behind := self._behind(asked):
            workers = f"worker{'s' if len(behind) > 1 else ''} {' and '.join(map(str, behind))}"
            what = f"No word yet from proxy {workers}; see /healthz."
            return _answer(202, "The portal has read the policy", [what])
        return _answer(200, "The policy was read again and is in force", [])

    def _behind(self, asked: datetime) -> Sequence[int]:
        """The workers that have not said in time that they read what the portal has read."""
        until = time.monotonic() + WORKERS_WITHIN
        digest = self.policy.now.policy.digest
        while True:
            ready = {
                reading.worker
                for reading in read_all(self.state, self.clock())
                if reading.status is not None
                and reading.status.policy == digest
                and reading.status.policy_loaded_at >= asked
            }
            behind = [number for number in range(self.workers) if number not in ready]
            if not behind or time.monotonic() > until:
                return behind
            time.sleep(_LOOK_EVERY)


def _from_here() -> bool:
    """Whether a program on this machine asks, or a page of the portal that is open there."""
    host = request.headers.get("Host", "")
    if not (_is_loopback(request.remote_addr or "") and _is_loopback(host_name(host) or "")):
        return False
    # Sent by browsers alone, and not to be forged by a page (Fetch Metadata, RFC 6454).
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin)[:2] == ("http", host)


def _is_loopback(name: str) -> bool:
    if name.removesuffix(".") == "localhost":
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # as a socket for both kinds shows an IPv4 client
    return address.is_loopback


def _answer(status: int, heading: str, lines: Sequence[str]) -> tuple[Response | str, int]:
    if request.is_json or request.accept_mimetypes.best == "application/json":
        facts: dict[str, Any] = {"in_force": status == 200, "said": heading, "why": list(lines)}
        return jsonify(facts), status
    if "text/html" in request.accept_mimetypes.values():  # by that name: curl takes anything
        return render_template("reloaded.html", heading=heading, lines=lines), status
    return Response("".join(f"{line}\n" for line in (heading, *lines)), content_type=_PLAIN), status
