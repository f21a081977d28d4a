"""A worker's status arrives whole, private, and only while it is fresh."""

import json
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from addon.status import RecordStatus, WorkerStatus, publish, read_all, status_path

NOW = datetime(2026, 6, 8, 9, 5, tzinfo=UTC)
STATUS = WorkerStatus(
    worker=0,
    pid=4242,
    started_at=NOW - timedelta(hours=1),
    at=NOW,
    policy="ab" * 32,
    policy_loaded_at=NOW - timedelta(minutes=5),
    last_reload_error="policy.yaml:3: people: unknown key",
    record=RecordStatus(pending=3, lag=0.2, lost=0, written=99, last_error=None),
    decided=10,
    refused=7,
    passed=1000,
)


def test_what_is_published_is_read(tmp_path):
    publish(status_path(tmp_path, 0), STATUS)
    (reading,) = read_all(tmp_path, NOW)
    assert reading.status == STATUS
    assert reading.answering
    assert reading.fault is None


def test_the_file_is_its_owners_and_nothing_is_left_beside_it(tmp_path):
    path = status_path(tmp_path, 0)
    publish(path, STATUS)
    publish(path, STATUS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["proxy-0.json"]


def test_workers_come_in_order_of_their_numbers(tmp_path):
    for number in (10, 2, 0):
        publish(status_path(tmp_path, number), STATUS)
    assert [reading.worker for reading in read_all(tmp_path, NOW)] == [0, 2, 10]


@pytest.mark.parametrize(
    ("age", "answering"), [(0, True), (5, True), (5.1, False), (3600, False), (-60, False)]
)
def test_a_status_counts_for_five_seconds(tmp_path, age, answering):
    publish(status_path(tmp_path, 0), STATUS)
    (reading,) = read_all(tmp_path, NOW + timedelta(seconds=age))
    assert reading.answering is answering


def test_no_folder_means_no_workers(tmp_path):
    assert read_all(tmp_path / "nothing", NOW) == ()


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b"null",
        b"{}",
        b"[" * 60_000,
        b"\xff\xfe",
        b'{"at": "yesterday"}',
        b"x" * 1_000_000,
        json.dumps(asdict(replace(STATUS, decided="many")), default=str).encode(),
        json.dumps({"at": NOW.isoformat(), "started_at": 3, "policy_loaded_at": []}).encode(),
    ],
)
def test_noise_is_a_fault_and_no_crash(tmp_path, noise):
    path = status_path(tmp_path, 1)
    path.parent.mkdir()
    path.write_bytes(noise)
    publish(status_path(tmp_path, 0), STATUS)
    good, bad = read_all(tmp_path, NOW)
    assert good.answering
    assert not bad.answering
    assert bad.fault == "proxy-1.json does not hold a worker's status."


def test_a_folder_in_its_place_is_a_fault(tmp_path):
    status_path(tmp_path, 0).mkdir(parents=True)
    (reading,) = read_all(tmp_path, NOW)
    assert reading.fault == "proxy-0.json cannot be read: Is a directory."


def test_files_of_other_names_are_not_workers(tmp_path):
    for name in ("proxy-x.json", "proxy-.json", "proxy-1.json.tmp", "proxy-²-1.json"):
        path = status_path(tmp_path, 0).with_name(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert read_all(tmp_path, NOW) == ()


def test_a_reader_never_sees_half_a_status(tmp_path):
    path = status_path(tmp_path, 0)
    publish(path, STATUS)
    done = threading.Event()

    def write():
        while not done.is_set():
            publish(path, STATUS)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(read_all(tmp_path, NOW)[0].answering for _ in range(300))
    finally:
        done.set()
        writer.join()


def test_where_it_cannot_be_written_the_caller_hears_of_it(tmp_path):
    (tmp_path / "status").write_text("in the way")
    with pytest.raises(OSError, match="File exists"):
        publish(status_path(tmp_path, 0), STATUS)
