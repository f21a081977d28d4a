"""/healthz is 200 when all is well; otherwise 503, with a sentence for each thing that is not."""

import json
import platform
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version

import pytest

from addon.forwarding.status import ForwardingStatus
from addon.forwarding.status import publish as publish_forwarding
from addon.status import RecordStatus, publish, status_path
from tests.addon.portal.conftest import NOW


def health_of(portal, **headers):
    reply = portal.get("/healthz", **headers)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status, json.loads(reply.body)


def test_when_all_is_well_it_says_what_runs_and_since_when(portal):
    status, facts = health_of(portal)
    assert (status, facts["status"], facts["problems"]) == (200, "ok", [])
    assert facts["versions"] == {
        "schoolgate": version("schoolgate"),
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
    }
    assert facts["policy"]["digest"] == portal.policy.now.policy.digest
    assert facts["policy"]["age"] == 3600
    assert "school.yaml" in facts["policy"]["files"]
    assert facts["policy"]["last_reload_error"] is None
    assert facts["record"] == {"lag": 0.0, "pending": 0, "lost": 0, "size": 0, "limit": None}
    (worker,) = facts["workers"]
    assert worker["state"] == "running"
    assert (worker["pid"], worker["up"], worker["heard"]) == (4242, 7200, 1)
    assert (worker["decided"], worker["refused"], worker["passed"]) == (10, 7, 1000)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"last_reload_error": "school.yaml:3: people: unknown key"},
            "Proxy worker 0 could not use the new policy and keeps to the old one.",
        ),
        ({"policy": "cd" * 32}, "Proxy worker 0 and the portal go by different policies."),
        (
            {"record": RecordStatus(lag=7.4, pending=3)},
            "Proxy worker 0 has waited 7 seconds to write to the record.",
        ),
        (
            {"record": RecordStatus(lost=2)},
            "Proxy worker 0 could not write 2 events to the record and gave up.",
        ),
        (
            {"record": RecordStatus(last_error="The disk is full.")},
            "Proxy worker 0 could not write to the record: The disk is full.",
        ),
        (
            {"record": RecordStatus(size=17 * 10**9, limit=20 * 10**9)},
            "The record is 85 % full: 17 GB of 20 GB. At 100 % restricted sites close. Keep less"
            " (retention in the policy), or give it more room (--record-limit).",
        ),
        ({"authority": ("The certificates end soon.",)}, "The certificates end soon."),
    ],
)
def test_what_is_wrong_with_a_worker_is_said(portal, changes, problem, well):
    publish(status_path(portal.state, 0), replace(well, **changes))
    status, facts = health_of(portal)
    assert (status, facts["status"], facts["problems"]) == (503, "attention", [problem])


def test_a_worker_that_fell_silent_is_missed(portal, well):
    publish(status_path(portal.state, 0), replace(well, at=well.at - timedelta(seconds=5)))
    status, facts = health_of(portal)
    assert (status, facts["problems"]) == (503, ["Proxy worker 0 is not answering."])
    assert facts["workers"][0]["heard"] == 6


def test_a_worker_that_never_spoke_is_missed(serve, tmp_path, well):
    portal = serve(workers=2)
    publish(status_path(tmp_path, 0), well)
    status, facts = health_of(portal)
    assert status == 503
    assert facts["problems"] == ["Proxy worker 1 has not said anything yet."]


def test_a_status_that_cannot_be_understood_is_said(portal):
    status_path(portal.state, 0).write_text("{")
    status, facts = health_of(portal)
    assert status == 503
    assert facts["problems"] == ["Proxy worker 0: proxy-0.json does not hold a worker's status."]
    assert facts["workers"][0]["state"] == "not answering"


def test_a_worker_that_is_no_longer_wanted_is_passed_over(portal, well):
    left = replace(well, worker=1, at=well.at - timedelta(days=1))
    publish(status_path(portal.state, 1), left)
    assert health_of(portal)[0] == 200


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "record.damaged-20261118-120000.sqlite3",
            "The record was damaged on 18 November 2026 at 12:00 UTC. It is kept as {}, and a new"
            " one was begun. Put back the last backup ('schoolgate record restore') or go on with"
            " this one, and look at grants and legal holds again; then move {} elsewhere.",
        ),
        (
            "record.missing-20261118-120000.txt",
            "The record was missing on 18 November 2026 at 12:00 UTC, deleted or emptied, and a new"
            " one was begun. Put back the last backup ('schoolgate record restore') or go on with"
            " this one, and look at grants and legal holds again; then delete {}.",
        ),
    ],
)
def test_what_happened_to_the_record_is_said_until_somebody_has_seen_to_it(portal, name, said):
    others = (f"{name}-wal", "record.before-0004.sqlite3", "record.damaged-2026.sqlite3")
    for each in (*others, "record.odd-20261118-120000.txt", "record.missing-20261399-990000.txt"):
        (portal.state / each).touch()
    assert health_of(portal)[0] == 200
    (portal.state / name).touch()
    status, facts = health_of(portal)
    assert (status, facts["problems"]) == (503, [said.replace("{}", name)])
    (portal.state / name).unlink()
    assert health_of(portal)[0] == 200


def test_lags_and_losses_are_added_up(serve, tmp_path, well):
    portal = serve(workers=2)
    for worker, record in enumerate((RecordStatus(3, 0.5, 1, 9), RecordStatus(4, 1.5, 2, 9))):
        publish(
            status_path(tmp_path, worker),
            replace(well, worker=worker, record=record),
        )
    assert health_of(portal)[1]["record"] == {
        "lag": 1.5, "pending": 7, "lost": 3, "size": 0, "limit": None,
    }  # fmt: skip


@pytest.mark.parametrize("host", ["evil.example", "a b", "127.0.0.1.evil.example:8081"])
def test_under_a_name_of_somebody_elses_there_are_no_details(portal, host):
    assert health_of(portal, Host=host) == (200, {"status": "ok"})


def test_under_a_name_it_was_told_there_are(serve, tmp_path, well):
    portal = serve(names=frozenset({"gate.school.example"}))
    publish(status_path(tmp_path, 0), well)
    assert "versions" in health_of(portal, Host="gate.school.example:8081")[1]


def test_a_record_that_is_forwarded_says_how_far_and_not_where(portal):
    now = NOW
    well = ForwardingStatus(
        1, now, now, "trust at db.example", worked_at=now, behind=3, school="ash"
    )
    publish_forwarding(portal.state, well)
    status, facts = health_of(portal)
    assert status == 200
    assert facts["centre"] == {
        "worked_at": now.isoformat(timespec="seconds"),
        "behind": 3,
        "well": True,
    }
    publish_forwarding(portal.state, replace(well, problem="Seal 3 of db.example", changed=True))
    status, facts = health_of(portal)
    assert status == 503
    assert facts["problems"] == [
        "The record and what the centre holds of it do not agree. 'schoolgate doctor' says more."
    ]
    assert "db.example" not in json.dumps(facts)
