"""What `schoolgate run` does about a record on a server that another gateway may be writing to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import run_record
from scripts.common import Sorry
from scripts.run_record import keep_others_away
from storage.database import open_record
from storage.faults import TakenError
from storage.gateway import Gateway
from storage.opening_server import server_at
from storage.sole_gateway import Claim
from tests.support.link import Link
from tests.support.postgresql import PostgresServer
from tests.support.running_gate import wait_until

ONE = Gateway(7, "schoolgate gate-a 812 2026-11-18T08:02Z")
OTHER = Gateway(8, "schoolgate gate-b 2071 2026-11-18T08:05Z")


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """An empty record."""
    name = postgres.new_database()
    open_record(tmp_path, postgres.url(name)).dispose()
    yield postgres.url(name)
    postgres.drop(name)


def test_a_gateway_that_has_just_died_is_waited_for(url: str) -> None:
    before = Claim(server_at(url, "rw", ONE))
    before.hold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_record, "PATIENCE", 0.2)
        with pytest.raises(Sorry, match=r"Another gateway \(gate-a, process 812, since 08"):
            keep_others_away(url, OTHER)
    threading.Timer(1, before.close).start()
    keep_others_away(url, OTHER)()


def test_one_that_started_without_the_server_says_when_another_was_first(
    postgres: PostgresServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    link, first = Link(to=postgres.port), Claim(server_at(url, "rw", ONE))
    link.cut()
    end = keep_others_away(url.replace(f":{postgres.port}/", f":{link.port}/"), OTHER)
    try:
        first.hold()
        assert not caplog.records
        link.mend()
        wait_until(lambda: "Another gateway (gate-a, process 812" in caplog.text)
        assert "restricted sites stay closed, and all others work" in caplog.text
        first.close()
        wait_until(lambda: "No other gateway writes to the record any more." in caplog.text)
        assert len(caplog.records) == 2
        with pytest.raises(TakenError):
            first.hold()
    finally:
        end()
        first.close()
        link.close()
