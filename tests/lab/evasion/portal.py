"""Rows: the portal, as something to get through, past or something out of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.lab.device import Answer, Device, get
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY

THEME = "the portal"
FACEBOOK = "www.facebook.com"
PORT = 8081
HERE = f"{GATEWAY}:{PORT}"


def asked(data: bytes) -> Callable[[Device], Answer]:
    return lambda device: device.say(GATEWAY, data, port=PORT)


def post(path: str, body: str, *more: str, kind: str = "application/x-www-form-urlencoded"):
    lines = [f"POST {path} HTTP/1.1", f"Host: {HERE}", f"Content-Type: {kind}", *more]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()


def led_by(target: str) -> Callable[[Device], Answer]:
    """Whether the portal sends a browser on to anywhere."""

    def attempt(device: Device) -> Answer:
        answer = device.say(GATEWAY, get(HERE, target), port=PORT)
        head = answer.body.partition(b"\r\n\r\n")[0].lower()
        leads = b"\nlocation:" in head or b"refresh" in head or not answer.status
        return Answer(b"leads elsewhere" if leads else b"leads nowhere", fault=answer.fault)

    return attempt


def told_apart(device: Device) -> Answer:
    """Whether the portal answers otherwise to the reference of a refusal than to a made-up one."""
    page = device.say(device.at(FACEBOOK), get(FACEBOOK, "/", "Accept: text/html"))
    found = re.search(rb"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b", page.body)
    if not found:
        return Answer(b"no reference on the page")
    true, made_up = found[0], b"00000-00001"
    answers = [
        device.say(GATEWAY, get(HERE, f"/ask?reference={one.decode()}"), port=PORT).body
        for one in (true, made_up)
    ]
    bodies = [one.partition(b"\r\n\r\n")[2] for one in answers]
    same = bodies[0] and bodies[0].replace(true, made_up) == bodies[1]
    return Answer(b"answered alike" if same else b"answered otherwise")


def guessing(device: Device) -> Answer:
    """Guesses a dozen codes, from another computer each time as the headers have it."""
    form = device.say(GATEWAY, get(HERE, "/sign-in", "Connection: close"), port=PORT)
    found = re.search(rb'name="token" value="([^"]+)"', form.body)
    if not found:
        return form
    answer = form
    for guess in range(12):
        body = f"token={found[1].decode()}&account=fern.example{guess}&code=AAAA-{guess:04}"
        said = (f"X-Forwarded-For: 10.77.0.{100 + guess}", "Connection: close")
        answer = device.say(GATEWAY, post("/sign-in", body, *said), port=PORT)
    return answer


def ours(case: str, attempt, says: bytes, why: str, **facts) -> Row:
    return Row(THEME, case, attempt, Verdict.OURS, why, says=says, **facts)


REPORT = json.dumps({"event": "logon", "account": "fern.example", "address": "10.77.0.4"})
ROWS = (
    ours(
        "for anybody", asked(get("gate.example", "/healthz")), b"HTTP/1.1 200", "it is open to all"
    ),
    Row(
        THEME,
        "as a proxy",
        asked(f"GET http://{FACEBOOK}/ HTTP/1.1\r\nHost: {FACEBOOK}\r\n\r\n".encode()),
        Verdict.REFUSED,
        "it fetches nothing for anybody",
    ),
    Row(
        THEME,
        "as a tunnel",
        asked(f"CONNECT {FACEBOOK}:443 HTTP/1.1\r\nHost: {FACEBOOK}:443\r\n\r\n".encode()),
        Verdict.REFUSED,
        "it fetches nothing for anybody",
    ),
    *(
        ours(f"as a signpost: {target}", led_by(target), b"leads nowhere", "it sends nobody on")
        for target in (
            f"//{FACEBOOK}/",
            f"/ask?site=https://{FACEBOOK}/",
            f"/sign-in?next=https://{FACEBOOK}/",
            f"/\\{FACEBOOK}",
        )
    ),
    ours(
        "references of others' refusals, guessed",
        told_apart,
        b"answered alike",
        "it knows none; looking one up is a command on the gate, and names nobody",
        who="stranger",
    ),
    ours(
        "a dozen guessed codes, each in the name of another computer",
        guessing,
        b"HTTP/1.1 429",
        "ten tries in ten minutes; the computer is the connection's, whatever headers say",
        who="stranger",
    ),
    ours(
        "a logon of the office's, reported by a device",
        asked(post("/identity/logons", REPORT, kind="application/json")),
        b"HTTP/1.1 401",
        "reports are signed",
        who="stranger",
    ),
    ours(
        "a policy to be read again, asked for in the gate's own name",
        asked(post("/policy/reload", "", "X-Forwarded-For: 127.0.0.1")),
        b"HTTP/1.1 403",
        "only the gate itself may",
    ),
)
