"""Signing in at the portal, and logons that a domain reports, with a real identity process."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from addon.identity import sign_in_codes
from addon.identity.sign_in_codes import issue, redeem
from addon.policy_in_force import PolicyInForce
from addon.portal.app import PortalSettings, create_app
from addon.portal.logons import signature
from addon.throttle import Throttle
from tests.support.identity import SECRET, IdentityProcess, keep_secret, policy_with
from tests.support.pace import promised
from tests.support.running_gate import wait_until

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FERN = "fern.example"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("portal")


@pytest.fixture(scope="module")
def state(folder: Path) -> Iterator[Path]:
    state = folder / "state"
    keep_secret(state, "logons")
    policy = policy_with(
        folder, {"sources": ["sign-in", "logon"], "sign-in": {"lasts": "2 hours"}},
        fern={"accounts": ["FE"]},
    )  # fmt: skip
    with IdentityProcess(state, policy):
        yield state


@pytest.fixture
def client(folder: Path, state: Path) -> FlaskClient:
    policy = PolicyInForce(folder / "policy.yaml", now)
    names = frozenset({"gate.school.example"})
    return create_app(PortalSettings(state, policy, now, names=names)).test_client()


def at(address: str) -> dict[str, Any]:
    """A request from an address."""
    return {"environ_overrides": {"REMOTE_ADDR": address}}


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In earnest each takes a tenth of a second and 64 MB, and these tests make hundreds."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("addon.identity.sign_in_codes.PasswordHasher", cheap)


def token(client: FlaskClient, address: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/sign-in", **at(address)).text)
    assert found
    return found[1]


def sign_in(client: FlaskClient, address: str, code: str, **more: str) -> TestResponse:
    form = {"token": token(client, address), "account": FERN, "code": code, **more}
    return client.post("/sign-in", data=form, **at(address))


def people(state: Path, address: str) -> list[tuple[str, str]]:
    """Who is at an address, by the record."""
    uri = f"file:{state / 'record.sqlite3'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as record:
        query = "SELECT person, source FROM bindings WHERE address = ? AND ended IS NULL"
        return record.execute(query, (address,)).fetchall()


class TestSignIn:
    def test_with_a_code_the_device_is_the_persons_until_they_sign_out(
        self, client: FlaskClient, state: Path
    ) -> None:
        code = issue(state, FERN, timedelta(hours=1), now())
        answer = sign_in(client, "10.0.0.7", code.lower().replace("0", "o"), account="fe")
        assert answer.status_code == 200
        assert "You are signed in, Fern Example" in answer.text
        assert people(state, "10.0.0.7") == [(FERN, "sign-in")]
        out = client.post("/sign-out", data={"token": token(client, "10.0.0.7")}, **at("10.0.0.7"))
        assert out.status_code == 200
        assert people(state, "10.0.0.7") == []

    def test_every_page_leads_there(self, client: FlaskClient) -> None:
        assert '<a href="/sign-in">' in client.get("/").text

    def test_a_code_works_once(self, client: FlaskClient, state: Path) -> None:
        code = issue(state, FERN, timedelta(hours=1), now())
        assert sign_in(client, "10.0.1.1", code).status_code == 200
        assert sign_in(client, "10.0.1.2", code).status_code == 403
        assert people(state, "10.0.1.2") == []

    @pytest.mark.parametrize(
        "wrong", [{"code": "00000-00000"}, {"account": "willow.example"}, {"account": "nobody"}]
    )
    def test_a_wrong_name_and_a_wrong_code_look_the_same(
        self, client: FlaskClient, state: Path, wrong: dict[str, str]
    ) -> None:
        code = issue(state, FERN, timedelta(hours=1), now())
        answer = sign_in(client, "10.0.2.1", **{"code": code, **wrong})
        assert answer.status_code == 403
        assert "do not go together" in answer.text

    def test_another_website_cannot_send_the_form(self, client: FlaskClient, state: Path) -> None:
        code = issue(state, FERN, timedelta(hours=1), now())
        foreign = token(client, "10.0.3.9")
        data = {"token": foreign, "account": FERN, "code": code}
        assert client.post("/sign-in", data=data, **at("10.0.3.1")).status_code == 400
        data["token"] = token(client, "10.0.3.1")
        answer = client.post(
            "/sign-in", data=data, headers={"Sec-Fetch-Site": "cross-site"}, **at("10.0.3.1")
        )
        assert answer.status_code == 400
        assert people(state, "10.0.3.1") == []

    @pytest.mark.parametrize("given", ["", "1.2", "x.y", "99999999999999.ff", "１.ff"])
    def test_a_token_that_is_none_is_refused(self, client: FlaskClient, given: str) -> None:
        data = {"token": given, "account": FERN, "code": "x"}
        answer = client.post("/sign-in", data=data, **at("10.0.3.2"))
        assert answer.status_code == 400
        assert "open for too long" in answer.text

    def test_only_a_name_of_the_schools_shows_the_form(self, client: FlaskClient) -> None:
        good = client.get("/sign-in", headers={"Host": "gate.school.example"}, **at("10.0.0.9"))
        bad = client.get("/sign-in", headers={"Host": "evil.example"}, **at("10.0.0.9"))
        assert (good.status_code, bad.status_code) == (200, 400)
        assert "form-action 'self'" in good.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("own", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    def test_nobody_signs_in_at_the_gates_own_address(
        self, client: FlaskClient, state: Path, own: str
    ) -> None:
        answer = sign_in(client, own, issue(state, FERN, timedelta(hours=1), now()))
        assert answer.status_code == 403
        assert "which device you are at" in answer.text

    def test_guessing_is_slow(self, client: FlaskClient) -> None:
        found = [
            sign_in(client, "10.0.4.1", "00000-00000", account=f"p{n}").status_code
            for n in range(11)
        ]
        assert found == [403] * 10 + [429]

    def test_where_the_policy_does_not_want_it_there_is_no_such_page(
        self, tmp_path: Path, state: Path
    ) -> None:
        policy = PolicyInForce(policy_with(tmp_path, {"sources": ["address"]}), now)
        client = create_app(PortalSettings(state, policy, now)).test_client()
        assert client.get("/sign-in", **at("10.0.0.9")).status_code == 404

    def test_without_the_identity_process_it_says_so(self, tmp_path: Path, folder: Path) -> None:
        state = tmp_path / "state"
        state.mkdir()
        policy = PolicyInForce(folder / "policy.yaml", now)
        client = create_app(PortalSettings(state, policy, now)).test_client()
        code = issue(state, FERN, timedelta(hours=1), now())
        answer = sign_in(client, "10.0.0.9", code)
        assert answer.status_code == 503
        assert "try again in a minute" in answer.text
        [kept] = (state / "sign-in-codes").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert redeem(state, FERN, code, now())  # it was not the person's fault

    def test_who_was_not_signed_in_is_not_signed_in_later(
        self, client: FlaskClient, state: Path
    ) -> None:
        code = issue(state, FERN, timedelta(hours=1), now())
        with closing(sqlite3.connect(state / "record.sqlite3", isolation_level=None)) as record:
            record.execute("BEGIN IMMEDIATE")
            assert sign_in(client, "10.0.5.1", code).status_code == 503
            record.execute("ROLLBACK")
        # Its own sign-in is on record only after what waited before it.
        later = issue(state, FERN, timedelta(hours=1), now())
        wait_until(lambda: sign_in(client, "10.0.5.2", later).status_code == 200, 20)
        assert people(state, "10.0.5.1") == []

    def test_guessing_does_not_keep_a_colleague_out(self, client: FlaskClient, state: Path) -> None:
        for account in ("fe", FERN, " FE "):
            for _ in range(5):
                sign_in(client, "10.0.6.1", "00000-00000", account=account)
        code = issue(state, FERN, timedelta(hours=1), now())
        assert sign_in(client, "10.0.6.2", code).status_code == 200

    def test_guessing_by_many_does_not_keep_a_colleague_waiting(
        self, client: FlaskClient, state: Path
    ) -> None:
        """A thousand wrong codes from as many addresses, while somebody signs in."""
        code = issue(state, FERN, timedelta(hours=1), now())
        for _ in range(4):  # each is checked against all of them
            issue(state, FERN, timedelta(hours=1), now())
        mine = token(client, "10.0.8.1")
        began = time.process_time()
        for number in range(1000):
            assert redeem(state, FERN, f"00000-{number:05}", now()) is None
        assert time.process_time() - began < 10  # Argon2 for each would take minutes
        stop = threading.Event()

        def guess(address: str) -> None:
            with client.application.test_client() as guesser:
                form = {"token": token(guesser, address), "account": FERN, "code": "00000-00000"}
                while not stop.is_set():
                    guesser.post("/sign-in", data=form, **at(address))

        guessing = [threading.Thread(target=guess, args=(f"10.0.9.{n}",)) for n in range(3)]
        for one in guessing:
            one.start()
        try:
            asked = time.monotonic()
            form = {"token": mine, "account": FERN, "code": code}
            assert client.post("/sign-in", data=form, **at("10.0.8.1")).status_code == 200
            assert time.monotonic() - asked < promised(2)
        finally:
            stop.set()
            for one in guessing:
                one.join()

    def test_guessing_at_one_person_does_not_keep_that_person_out(
        self, client: FlaskClient, state: Path
    ) -> None:
        for place in range(12):
            for _ in range(10):
                sign_in(client, f"10.0.7.{place}", "00000-00000")
        code = issue(state, FERN, timedelta(hours=1), now())
        assert sign_in(client, "10.0.7.200", code).status_code == 200

    def test_whoever_would_wait_too_long_is_told_so_and_keeps_the_code(
        self, client: FlaskClient, state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sign_in_codes, "_WAIT", 0.05)
        code = issue(state, FERN, timedelta(hours=1), now())
        with sign_in_codes._one_at_a_time:
            assert sign_in(client, "10.0.7.201", code).status_code == 503
        assert sign_in(client, "10.0.7.201", code).status_code == 200


class TestCodes:
    def test_are_kept_as_hashes_that_only_their_owner_can_read(self, tmp_path: Path) -> None:
        code = issue(tmp_path, FERN, timedelta(hours=1), NOW)
        [kept] = (tmp_path / "sign-in-codes").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert code.replace("-", "") not in kept.read_text()
        assert json.loads(kept.read_text())["hash"].startswith("$argon2id$")

    def test_end(self, tmp_path: Path) -> None:
        code = issue(tmp_path, FERN, timedelta(hours=1), NOW)
        assert not redeem(tmp_path, FERN, code, NOW + timedelta(hours=1))
        assert not list((tmp_path / "sign-in-codes").iterdir())

    def test_of_two_who_try_at_once_one_gets_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sign_in_codes, "_WAIT", 120)
        code = issue(tmp_path, FERN, timedelta(hours=1), NOW)
        found: list[bool] = []
        threads = [
            threading.Thread(target=lambda: found.append(bool(redeem(tmp_path, FERN, code, NOW))))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [False, False, False, True]

    def test_of_many_only_the_newest_are_kept(self, tmp_path: Path) -> None:
        codes = [issue(tmp_path, FERN, timedelta(hours=1), NOW) for _ in range(7)]
        assert len(list((tmp_path / "sign-in-codes").iterdir())) == 5
        assert redeem(tmp_path, FERN, codes[-1], NOW)

    def test_a_file_that_makes_no_sense_is_no_code(self, tmp_path: Path) -> None:
        (tmp_path / "sign-in-codes").mkdir()
        (tmp_path / "sign-in-codes" / f"{FERN}~1").write_text("{}")
        (tmp_path / "sign-in-codes" / f"{FERN}~2").write_text('{"hash": "x", "until": "y"}')
        assert not redeem(tmp_path, FERN, "x", NOW)


def test_a_throttle_lets_go_again_in_time() -> None:
    clock = [0.0]
    throttle = Throttle(2, 10, lambda: clock[0])
    assert [throttle.allows("a") for _ in range(3)] == [True, True, False]
    assert throttle.allows("b")
    clock[0] = 10
    assert throttle.allows("a")


class TestLogons:
    def tell(self, client: FlaskClient, body: Any, **how: Any) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        moment = how.get("time", str(int(now().timestamp())))
        nonce = how.get(
            "nonce", f"n{id(body)}{now().timestamp():.6f}".replace(".", "-").ljust(20, "0")
        )
        signed = signature(how.get("secret", SECRET).encode(), moment, nonce, data)
        headers = {
            "X-Schoolgate-Time": moment,
            "X-Schoolgate-Nonce": nonce,
            "X-Schoolgate-Signature": how.get("signature", signed),
        }
        return client.post(
            "/identity/logons", data=how.get("sent", data), headers=headers, **at("10.0.0.2")
        )

    def logon(self, address: str, account: str = "FE", event: str = "logon") -> dict[str, str]:
        return {"event": event, "account": account, "address": address}

    def test_a_logon_and_a_logoff(self, client: FlaskClient, state: Path) -> None:
        assert self.tell(client, self.logon("10.1.0.7")).status_code == 204
        assert people(state, "10.1.0.7") == [(FERN, "logon")]
        assert self.tell(client, self.logon("10.1.0.7", "SVC$")).status_code == 204
        assert people(state, "10.1.0.7") == [(FERN, "logon")]
        assert self.tell(client, self.logon("10.1.0.7", event="logoff")).status_code == 204
        assert people(state, "10.1.0.7") == []

    def test_somebody_elses_logon_ends_what_was_there(
        self, client: FlaskClient, state: Path
    ) -> None:
        self.tell(client, self.logon("10.1.0.8"))
        self.tell(client, self.logon("10.1.0.8", "a stranger"))
        assert people(state, "10.1.0.8") == []

    def test_going_on_opens_nothing_by_itself(self, client: FlaskClient, state: Path) -> None:
        assert self.tell(client, self.logon("10.1.0.9", event="still-on")).status_code == 204
        assert people(state, "10.1.0.9") == []
        self.tell(client, self.logon("10.1.0.9"))
        assert self.tell(client, self.logon("10.1.0.9", event="still-on")).status_code == 204
        assert people(state, "10.1.0.9") == [(FERN, "logon")]

    @pytest.mark.parametrize("other", ["willow.example", "pupil9"])
    def test_somebody_else_who_goes_on_there_leaves_nobody_until_a_logon(
        self, client: FlaskClient, state: Path, other: str
    ) -> None:
        """The logon in between was missed."""
        self.tell(client, self.logon("10.5.0.9"))
        assert self.tell(client, self.logon("10.5.0.9", other, "still-on")).status_code == 204
        assert people(state, "10.5.0.9") == []
        self.tell(client, self.logon("10.5.0.9", event="still-on"))
        assert people(state, "10.5.0.9") == []
        self.tell(client, self.logon("10.5.0.9"))
        assert people(state, "10.5.0.9") == [(FERN, "logon")]

    def test_who_goes_on_elsewhere_or_leaves_as_a_stranger_changes_nothing(
        self, client: FlaskClient, state: Path
    ) -> None:
        self.tell(client, self.logon("10.5.0.10"))
        self.tell(client, self.logon("10.5.0.11", "willow.example", "still-on"))
        self.tell(client, self.logon("10.5.0.10", "pupil9", "logoff"))
        assert people(state, "10.5.0.10") == [(FERN, "logon")]

    @pytest.mark.parametrize(
        ("how", "why"),
        [
            ({"signature": ""}, "not right"),
            ({"signature": "é"}, "not right"),
            ({"secret": "another secret than ours"}, "not right"),
            ({"sent": b'{"event": "logoff"}'}, "not right"),
            ({"time": ""}, "not signed"),
            ({"time": "soon"}, "not signed"),
            ({"nonce": "short"}, "not signed"),
            ({"time": str(int(now().timestamp()) - 3600)}, "old"),
            ({"time": str(int(now().timestamp()) + 3600)}, "old"),
        ],
    )
    def test_one_that_is_unsigned_changed_or_stale_is_refused(
        self, client: FlaskClient, state: Path, how: dict[str, Any], why: str
    ) -> None:
        answer = self.tell(client, self.logon("10.1.1.7"), **how)
        assert answer.status_code == 401
        assert why in answer.get_json()["error"]
        assert people(state, "10.1.1.7") == []

    def test_one_that_is_sent_again_is_refused(self, client: FlaskClient) -> None:
        once = {"nonce": "used-once-and-no-more", "time": str(int(now().timestamp()))}
        assert self.tell(client, self.logon("10.1.2.7"), **once).status_code == 204
        again = self.tell(client, self.logon("10.1.2.7"), **once)
        assert again.status_code == 401
        assert "sent before" in again.get_json()["error"]

    def test_one_that_is_sent_again_after_a_restart_is_refused(
        self, client: FlaskClient, folder: Path, state: Path
    ) -> None:
        once = {"nonce": "used-before-the-restart", "time": str(int(now().timestamp()))}
        assert self.tell(client, self.logon("10.1.2.8"), **once).status_code == 204
        anew = create_app(PortalSettings(state, PolicyInForce(folder / "policy.yaml", now), now))
        again = self.tell(anew.test_client(), self.logon("10.1.2.8"), **once)
        assert again.status_code == 401
        assert "sent before" in again.get_json()["error"]

    def test_none_counts_while_its_number_cannot_be_kept(
        self, client: FlaskClient, state: Path
    ) -> None:
        folder = state / "logon-nonces"
        aside = folder.rename(state / "aside")
        folder.write_text("no folder")
        try:
            answer = self.tell(client, self.logon("10.1.2.9"))
            assert answer.status_code == 503
            assert "cannot be read or written" in answer.get_json()["error"]
            assert people(state, "10.1.2.9") == []
        finally:
            folder.unlink()
            aside.rename(folder)

    @pytest.mark.parametrize(
        "body",
        [b"", b"nonsense", b"[]", b'{"event": "logon"}', {"event": "dance", "account": "x"}],
    )
    def test_one_that_makes_no_sense_is_refused(self, client: FlaskClient, body: Any) -> None:
        assert self.tell(client, body).status_code == 400

    def test_a_secret_that_others_can_read_is_no_secret(
        self, client: FlaskClient, state: Path
    ) -> None:
        path = state / "secrets" / "logons"
        path.chmod(0o644)
        try:
            answer = self.tell(client, self.logon("10.1.3.7"))
            assert answer.status_code == 503
            assert "others may read" in answer.get_json()["error"]
        finally:
            path.chmod(0o600)
