"""The lab with a school's gate in it, and how an attempt is judged: by what the internet saw."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rules.loading import load_policy
from tests.lab.device import Answer, Device
from tests.lab.evasion.people import ABSENT, LAPTOP
from tests.lab.evasion.row import Row, Verdict
from tests.lab.internet import GATEWAY, Lab, lab
from tests.lab.world import NAMES, SHARED
from tests.support.identity import keep_secret
from tests.support.running_gate import wait_until
from tests.support.schoolgate import COMMAND, Schoolgate, moment

POLICY = Path(__file__).parent.parent / "policy.yaml"
PEOPLE = {"office": 0, "teacher": 1, "stranger": 2, "withdrawn": 3}
SIDES = ("--lan", "lan0", "--wan", "wan0")
SETTLE = 0.03
"""Seconds that what was let through may take; what is later is found before the next row."""

WEB, SCHOOL = "The public web", "Fernhill Test School"
"""Who vouches for a server: the lab's internet, or the school's own authority."""

_catalogue = load_policy(POLICY).catalogue


@cache
def _addresses_of(target: str) -> frozenset[str]:
    """Those that are the site's own; one that it shares with others says nothing."""
    if target in NAMES:
        return frozenset(NAMES[target])
    sites = {name: _catalogue.site_of(name) for name in NAMES}
    names = [name for name, site in sites.items() if site and site.id == target]
    return frozenset(address for name in names for address in NAMES[name]) - set(SHARED)


class Trial:
    """One attempt, and what the internet has seen since it began."""

    def __init__(self, net: Lab, row: Row) -> None:
        self.row = row
        self.began = moment()
        self.answer = Answer()
        self._internet = net.internet
        self._own = _addresses_of(row.target)
        self._connections = len(net.internet.connections())
        self._requests = len(net.internet.requests())
        self._questions = len(net.internet.questions())

    def connections(self) -> list[dict[str, Any]]:
        return self._internet.connections()[self._connections :]

    def requests(self) -> list[dict[str, Any]]:
        return self._internet.requests()[self._requests :]

    def asked_past_the_gateway(self) -> bool:
        """Whether the internet's name servers were asked by a device itself."""
        questions = self._internet.questions()[self._questions :]
        return "from 10.77." in questions or "from fd77:" in questions

    def touched(self) -> list[dict[str, Any]]:
        """What reached the restricted site."""
        beyond = self.row.beyond
        found = [] if beyond else [c for c in self.connections() if c["reached"] in self._own]
        return found + [
            request
            for request in self.requests()
            if _is_for(request, self.row.target)
            and not (beyond and request["path"].startswith(beyond))
        ]

    def story(self) -> str:
        return (
            f"{self.row}\n{self.answer}\ntouched: {self.touched()}\n"
            f"connections: {self.connections()}\nrequests: {self.requests()}"
        )


@dataclass(frozen=True)
class Ground:
    """A lab whose gateway has the gate on it, and devices to try it from."""

    net: Lab
    gate: Schoolgate
    devices: Sequence[Device]
    policy: Path
    past: list[Trial] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)

    @property
    def school_authority(self) -> Path:
        """The certificate that the school's devices are told to trust."""
        return self.gate.state / "authority" / "schoolgate-ca.crt"

    def apply(self, mode: str) -> None:
        """Puts a mode in force, where it is not."""
        if self.modes[-1:] != [mode]:
            options = ("--mode", mode, *SIDES, "--yes-i-checked", "--policy", self.policy)
            _command(self.net, self.gate.state, "gateway", "apply", *options)
            self.modes.append(mode)

    def judge(self, row: Row, *, six: bool = False) -> None:
        """Tries it, and fails where it does not come out as the row says."""
        self.look_back()
        device = self.devices[PEOPLE[row.who]]
        device.six = six
        trial = Trial(self.net, row)
        self.past.append(trial)
        trial.answer = device.do(row.attempt)
        time.sleep(SETTLE)
        answer, touched, story = trial.answer, trial.touched(), trial.story()
        assert row.says in answer.body, story
        match row.verdict:
            case Verdict.RECORDED:
                assert not touched, story
                assert row.beyond or not _spoke_for(row.target, answer), story
                event = self._event(row, trial.began, 0, story)
                assert not row.outcomes or event["outcome"] in row.outcomes, event
            case Verdict.REFUSED:
                assert not touched, story
                assert row.beyond or not _spoke_for(row.target, answer), story
            case Verdict.ELSEWHERE:
                assert not touched, story
                assert trial.requests(), story
            case Verdict.PASSES | Verdict.LOOKED_INTO:
                assert not touched, story
                assert b"origin " in answer.body, story
                ours = row.verdict is Verdict.LOOKED_INTO
                assert answer.issuer in ("", SCHOOL if ours else WEB), story
                unrelated = {request["host"] for request in trial.requests()}
                recorded = {event["host"] for event in self.gate.events(trial.began)}
                assert not unrelated & recorded, "an unrelated site is on record"
            case Verdict.OURS:
                assert not trial.connections(), story
                assert not trial.asked_past_the_gateway(), story
            case Verdict.OPENS:
                assert touched, story
                assert b"origin " in answer.body, story
                self._event(row, trial.began, 1, story)
            case Verdict.GAP:
                assert touched, f"no gap any more: {story}"

    def look_back(self) -> None:
        """Whether anything came through after the last row was judged."""
        while self.past:
            trial = self.past.pop()
            late = trial.row.verdict not in (Verdict.OPENS, Verdict.GAP) and trial.touched()
            assert not late, f"the row before got through late: {trial.story()}"

    def _event(self, row: Row, since: int, allowed: int, story: str) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [
                event
                for event in self.gate.events(since)
                if (event["site"], event["allowed"]) == (row.target, allowed)
            ]

        with suppress(AssertionError):
            wait_until(found, 30)
        assert found(), f"not on record: {story}"
        return found()[-1]


def _spoke_for(target: str, answer: Answer) -> bool:
    """Whether somebody out there answered under a name of the site."""
    said = answer.body.decode("latin-1").lower()
    return any(
        f"origin {name}" in said
        for name in NAMES
        if (site := _catalogue.site_of(name)) and site.id == target
    )


def _is_for(request: dict[str, Any], target: str) -> bool:
    """Whether a request names a restricted site, and reached a place that answers for it."""
    host = request["host"].lower().partition(":")[0].rstrip(".")
    site = _catalogue.site_of(host)
    if site is None or site.id != target:
        return False
    return request["reached"] in _addresses_of(target) | set(NAMES.get(host, ()))


@contextmanager
def whole_gateway(folder: Path) -> Iterator[Ground]:
    """The lab with everything on its gateway: packet filter, name server, HAProxy, two workers."""
    with lab(folder, clients=len(PEOPLE)) as net:
        _serve_early_data(net)
        state, inside = folder / "state", net.gateway.command()
        policy = _policy(folder / "policy.yaml")
        keep_secret(state, "logons")
        with Schoolgate(
            *(state, "--mode", "gateway", "--workers", "2"),
            *("--upstream-ca", net.internet.authority),
            *("--portal-url", f"http://{GATEWAY}:8081"),
            policy=policy, listen="[::]:8443", portal="0.0.0.0:8081", inside=inside,
        ) as gate:  # fmt: skip
            devices = [Device(client) for client in net.clients]
            try:
                ground = Ground(net, gate, devices, policy)
                withdraw = ("withdraw", "rush.example", "--reason", "a try", "--by", "fern.example")
                _command(net, state, "access", *withdraw, "--policy", policy)
                ground.apply("full")
                yield ground
                ground.look_back()
            finally:
                for device in devices:
                    device.close()
                _command(net, state, "gateway", "remove")


def _serve_early_data(net: Lab) -> None:
    """A server that takes what comes with the first flight (RFC 8446, section 2.3)."""
    internet = net.internet
    pem = internet.folder / "certificates" / "nameless.pem"
    internet.namespace.start(
        *("openssl", "s_server", "-accept", "4433", "-cert", pem, "-key", pem, "-tls1_3"),
        *("-early_data", "-max_early_data", "16384"),
        stdin=subprocess.PIPE,  # it ends when its input does
    )
    internet.namespace.wait_for(4433)


def _policy(path: Path) -> Path:
    """The lab's policy with further people: away, known by a device, and with access withdrawn."""
    policy = yaml.safe_load(POLICY.read_text())
    office = {"role": "employee", "groups": ["office"]}
    policy["people"] |= {
        "reed.example": {**office, "name": "Reed Example", "addresses": [ABSENT]},
        "sedge.example": {**office, "name": "Sedge Example", "devices": [LAPTOP]},
        "rush.example": {
            **office, "name": "Rush Example", "addresses": ["10.77.0.5", "fd77::5"]
        },
    }  # fmt: skip
    policy["essentials"] = ["gov.uk"]
    policy["identity"] = {"sources": ["address", "device", "logon", "sign-in"]}
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path


def _command(net: Lab, state: Path, *words: str | Path) -> None:
    first, second, *more = words
    done = net.gateway.run(COMMAND, first, second, "--state", state, *more)
    assert done.returncode == 0, done.stdout + done.stderr
