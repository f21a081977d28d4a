"""A server that is away for a while, that dies, or that does not answer: the record goes on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.access import AccessReader
from storage.bindings import BindingReader
from storage.database import (
    open_record,
    open_record_readonly,
    record_to_follow,
    record_to_write,
)
from storage.events import Event
from storage.faults import AwayError, RecordError, TakenError
from storage.gateway import Gateway
from storage.opening_server import server_at
from storage.recorder import NotDurable, Recorder
from storage.sole_gateway import Claim
from storage.verifying import verify
from tests.storage.kept import KeptOnServer
from tests.storage.server_deaths import deaths, held_against
from tests.support.pace import eventually, promised
from tests.support.postgresql import PostgresServer, Standby

Make = Callable[..., Event]
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def there_again(postgres: PostgresServer) -> Iterator[None]:
    """However a test ends, the server answers for the next."""
    yield
    postgres.thaw()
    postgres.start()


def refused_because(recorder: Recorder, event: Event) -> str:
    with pytest.raises(NotDurable) as raised:
        asyncio.run(recorder.durable(event, 0.3))
    return str(raised.value)


def test_while_it_is_away_requests_are_refused_and_what_is_refused_waits(
    on_server: KeptOnServer, there_again: None, event: Make
) -> None:
    recorder = Recorder(on_server.open(), limit=20)
    recorder.start()
    asyncio.run(recorder.durable(event(), promised(5)))
    on_server.server.stop()
    for _ in range(10):
        recorder.note(event(allowed=False, outcome="no-purpose"))
    refused_because(recorder, event())
    assert "cannot be reached" in refused_because(recorder, event())
    assert recorder.state.pending == 12
    for _ in range(10):
        recorder.note(event(allowed=False, outcome="no-purpose"))
    assert (recorder.state.pending, recorder.state.lost) == (20, 2)
    on_server.server.start()
    eventually(lambda: recorder.state.pending == 0)
    assert recorder.state.last_error is None
    asyncio.run(recorder.durable(event(), promised(5)))
    assert recorder.close(10) == 0
    by_verdict = dict(on_server.ask("SELECT allowed, count(*) FROM events GROUP BY 1"))
    assert by_verdict == {True: 2, False: 20}
    assert verify(on_server.readonly()).broken is None


def test_one_that_does_not_answer_is_waited_for_and_no_longer(
    on_server: KeptOnServer, there_again: None, event: Make
) -> None:
    recorder = Recorder(on_server.open())
    recorder.start()
    asyncio.run(recorder.durable(event(), promised(5)))
    on_server.server.freeze()
    began = time.monotonic()
    assert "took longer than 0.3 seconds" in refused_because(recorder, event())
    assert time.monotonic() - began < promised(2)
    on_server.server.thaw()
    eventually(lambda: recorder.state.pending == 0)
    assert recorder.close(10) == 0
    assert dict(on_server.ask("SELECT allowed, count(*) FROM events GROUP BY 1")) == {
        True: 1,
        False: 1,
    }


def test_followers_begin_again_when_it_is_back(on_server: KeptOnServer, there_again: None) -> None:
    record = on_server.readonly()
    access, bindings = AccessReader(record), BindingReader(record)
    access.look(NOW)
    before = access.identity
    assert bindings.look() == (True, [])
    on_server.server.kill()
    for look in (lambda: access.look(NOW), bindings.look):
        for _ in range(2):
            with pytest.raises(RecordError, match="cannot be reached"):
                look()
    on_server.server.start()
    assert access.look(NOW) is not None
    assert access.identity == before
    assert bindings.look() == (True, [])
    access.close()
    bindings.close()


def test_a_start_while_it_is_away(on_server: KeptOnServer, there_again: None, event: Make) -> None:
    on_server.server.stop()
    database, away = record_to_write(on_server.state, on_server.url)
    follows = record_to_follow(on_server.state, on_server.url)
    assert isinstance(away, AwayError)
    recorder = Recorder(database)
    recorder.start()
    assert "cannot be reached" in refused_because(recorder, event())
    on_server.server.start()
    eventually(lambda: recorder.state.pending == 0)
    assert recorder.close(10) == 0
    assert follows.last_event_id() == database.last_event_id() > 0
    assert record_to_write(on_server.state, on_server.url)[1] is None


def test_deaths_in_the_middle_of_commits(
    on_server: KeptOnServer, there_again: None, tmp_path: Path
) -> None:
    """`python -m tests.storage.server_deaths 30` is the long form."""
    dice = random.Random(1)
    told = asyncio.run(deaths(on_server.server, on_server.name, tmp_path, 4, dice))
    held_against(on_server.server, on_server.name, tmp_path, told)
    assert len(told.allowed) > 4


def test_another_server_takes_over(event: Make, tmp_path: Path) -> None:
    """With both in the address, and one that waits for the other, nothing that was said is lost."""
    first = PostgresServer()
    try:
        first.start()
        name = first.new_database()
        open_record(tmp_path / "var", first.url(name)).dispose()
        second = Standby(first)
        try:
            second.start()
            alone = second.url(name)
            with pytest.raises(AwayError, match="only follows another"):
                open_record(tmp_path / "var", alone)
            assert verify(open_record_readonly(tmp_path / "var", alone)).seals == 1
            both = first.url(name).replace(f"127.0.0.1:{first.port}", "")
            both += f"?host=127.0.0.1:{second.port}&host=127.0.0.1:{first.port}"
            gateway = Gateway.of(tmp_path / "var")
            recorder = Recorder(open_record(tmp_path / "var", both, gateway=gateway))
            recorder.start()
            told = [event() for _ in range(20)]
            for one in told[:10]:
                asyncio.run(recorder.durable(one, promised(5)))
            first.kill()
            assert refused_because(recorder, event())
            second.promote()
            for one in told[10:]:
                asyncio.run(recorder.durable(one, promised(20)))
            other = Claim(server_at(both, "rw", Gateway(7, "another")))
            with pytest.raises(TakenError):
                other.hold()
            assert recorder.close(10) == 0
            allowed = second.execute("SELECT id FROM events WHERE allowed ORDER BY id", name)
            assert [number for (number,) in allowed] == [one.id for one in told]
            assert verify(open_record_readonly(tmp_path / "var", both)).broken is None
        finally:
            second.close()
    finally:
        first.close()
