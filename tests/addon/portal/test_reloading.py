"""Whoever sits at the gate's own computer can have the policy read again; nobody else can."""

import shutil
import socket
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from addon.policy_in_force import PolicyInForce
from addon.portal import reloading
from addon.portal.app import PortalSettings, create_app
from addon.state_folder import bell_of
from addon.status import publish, status_path
from rules.loading import SHIPPED_POLICY
from tests.addon.portal.conftest import NOW

JSON = {"Accept": "application/json"}


@pytest.fixture
def own_policy(tmp_path):
    return shutil.copy(SHIPPED_POLICY, tmp_path / "school.yaml")


@pytest.fixture
def own(own_policy):
    return PolicyInForce(own_policy, lambda: NOW)


def again(portal, **headers):
    return portal.get("/policy/reload", method="POST", **headers)


def test_a_changed_policy_is_in_force_and_the_bell_has_rung(serve, own, own_policy, tmp_path):
    portal, before = serve(policy=own, workers=0), own.now.policy.digest
    own_policy.write_text(own_policy.read_text() + "# A remark.\n")
    reply = again(portal)
    assert reply.status == 200
    assert "The policy was read again and is in force" in reply.text
    assert own.now.policy.digest != before
    assert bell_of(tmp_path).exists()
    assert '"in_force":true' in again(portal, **JSON).text.replace(" ", "")


def test_a_program_at_a_terminal_is_answered_in_plain_words(serve, own):
    reply = again(serve(policy=own, workers=0), Accept="*/*")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.text == "The policy was read again and is in force\n"


def test_a_bad_one_is_told_with_its_faults_and_the_workers_are_left_alone(
    serve, own, own_policy, tmp_path
):
    portal, before = serve(policy=own), own.now.policy
    own_policy.write_text(own_policy.read_text() + "nonsense: <b>\n")
    for headers in ({}, {"Accept": "text/html,*/*;q=0.8"}, JSON):
        reply = again(portal, **headers)
        assert reply.status == 422
        assert "has faults; the old one stays in force" in reply.text
        assert "There is no entry" in reply.text
        assert "nonsense" in reply.text
        assert "<b>" not in reply.text
    assert own.now.policy is before
    assert not bell_of(tmp_path).exists()


def test_a_worker_that_says_nothing_of_it_is_named(serve, own, well, tmp_path, monkeypatch):
    monkeypatch.setattr(reloading, "WORKERS_WITHIN", 0.3)
    portal = serve(policy=own, workers=3)
    read = replace(well, policy=own.now.policy.digest, policy_loaded_at=NOW)
    publish(status_path(tmp_path, 0), read)
    publish(status_path(tmp_path, 1), replace(read, worker=1, policy="of yesterday"))
    publish(status_path(tmp_path, 2), replace(read, worker=2, policy_loaded_at=well.started_at))
    reply = again(portal, **JSON)
    assert reply.status == 202
    assert "No word yet from proxy workers 1 and 2; see /healthz." in reply.text


def test_a_bell_that_cannot_be_rung_is_said(serve, own, tmp_path):
    (tmp_path / "state").write_text("a file where the folder should be")
    reply = again(serve(policy=own, state=tmp_path / "state"))
    assert reply.status == 500
    assert "The proxy could not be told to read it too: Not a directory." in reply.text


def test_two_at_once_are_one_too_many(serve, own, monkeypatch):
    monkeypatch.setattr(reloading, "WORKERS_WITHIN", 2.0)
    portal = serve(policy=own)
    replies = []
    both = [threading.Thread(target=lambda: replies.append(again(portal))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(reply.status for reply in replies) == [202, 409]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://127.0.0.1"},  # another port is another site
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "gate.local"},
        {"Host": "10.0.0.1"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
    ],
    ids=str,
)
def test_a_page_of_another_site_cannot_ask(serve, own, tmp_path, headers):
    reply = again(serve(policy=own, workers=0), **headers)
    assert reply.status in (400, 403)
    assert not bell_of(tmp_path).exists()


def test_a_page_of_the_portal_itself_can(serve, own):
    portal = serve(policy=own, workers=0)
    host = f"localhost:{portal.port}"
    headers = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
    assert again(portal, **headers).status == 200


def test_looking_is_not_asking(serve, own):
    assert serve(policy=own).get("/policy/reload").status == 405


def test_another_machine_cannot_ask(own, tmp_path):
    """A request from an address that is not loopback, whatever it says its name is."""
    app = create_app(PortalSettings(tmp_path, own, lambda: NOW, workers=0))
    client = app.test_client()
    for address, status in (
        ("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
        ("192.0.2.7", 403), ("::ffff:192.0.2.7", 403), ("2001:db8::7", 403), ("", 403),
    ):  # fmt: skip
        reply = client.post(
            "/policy/reload",
            headers={"Host": "localhost:8081", "X-Forwarded-For": "127.0.0.1"},
            environ_overrides={"REMOTE_ADDR": address},
        )
        assert reply.status_code == status, address


def test_without_any_name_for_the_portal_it_is_refused(serve, own):
    portal = serve(policy=own)
    with closing(socket.create_connection(("127.0.0.1", portal.port), 10)) as plain:
        plain.sendall(b"POST /policy/reload HTTP/1.0\r\n\r\n")  # no Host at all
        assert plain.recv(64).startswith(b"HTTP/1.0 403")
