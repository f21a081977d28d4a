"""One gateway on one database: the second is told of the first, and nobody waits for a dead one."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.database import Database, open_record
from storage.events import Event
from storage.faults import AwayError, TakenError
from storage.gateway import Gateway
from storage.opening_server import server_at
from storage.recorder import NotDurable, Recorder
from storage.sole_gateway import Claim
from storage.verifying import verify
from tests.storage.kept import KeptOnServer
from tests.support.pace import eventually, promised

Make = Callable[..., Event]
ONE = Gateway(7, "schoolgate gate-a 812 2026-11-18T08:02Z")
OTHER = Gateway(8, "schoolgate gate-b 2071 2026-11-18T08:05Z")
SENTENCE = (
    r"Another gateway \(gate-a, process 812, since 08:02 UTC on 18 November 2026\) already writes"
    r" to the database '\w+' on 127\.0\.0\.1:\d+: stop it, or give each gateway a database of its"
    r" own\."
)


@pytest.fixture
def claim(on_server: KeptOnServer) -> Iterator[Claim]:
    """The first gateway's."""
    claim = Claim(server_at(on_server.url, "rw", ONE))
    claim.hold()
    yield claim
    claim.close()


def record_for(kept: KeptOnServer, gateway: Gateway) -> Database:
    return open_record(kept.state, kept.url, gateway=gateway)


@contextmanager
def recording(kept: KeptOnServer, gateway: Gateway) -> Iterator[Recorder]:
    recorder = Recorder(record_for(kept, gateway))
    recorder.start()
    yield recorder
    recorder.close(10)


def claims(kept: KeptOnServer) -> int:
    """How many sessions hold one."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
    ((number,),) = kept.ask(query)
    assert isinstance(number, int)
    return number


def test_a_gateway_says_who_it_is_and_is_one_with_all_who_use_its_folder(tmp_path: Path) -> None:
    one, two = Gateway.of(tmp_path / "one"), Gateway.of(tmp_path / "two")
    host = re.escape(socket.gethostname()[:25])
    assert re.fullmatch(rf"schoolgate {host} {os.getpid()} \S+Z", one.name)
    assert len(one.name) < 64
    assert Gateway.parsed(str(one)) == one
    assert Gateway.of(tmp_path / "one").number == one.number != two.number
    assert 0 <= one.number < 1 << 31


def test_a_second_gateway_is_told_of_the_first_and_the_first_goes_on(
    on_server: KeptOnServer, claim: Claim, event: Make
) -> None:
    with pytest.raises(TakenError) as raised:
        Claim(server_at(on_server.url, "rw", OTHER)).hold()
    assert re.fullmatch(SENTENCE, str(raised.value))
    with recording(on_server, OTHER) as second:
        with pytest.raises(NotDurable):
            asyncio.run(second.durable(event(), 0.3))
        assert re.fullmatch(SENTENCE, str(second.state.last_error))
        second.note(event(allowed=False))
        with recording(on_server, ONE) as first, recording(on_server, ONE) as worker:
            asyncio.run(first.durable(event(), promised(5)))
            asyncio.run(worker.durable(event(), promised(5)))
            assert claims(on_server) == 3
            claim.hold()
        assert on_server.ask("SELECT count(*) FROM events") == [(2,)]
        # What the other one keeps back is written once the first has gone.
        claim.close()
        eventually(lambda: second.state.pending == 0)
        assert second.state.last_error is None
    assert on_server.ask("SELECT count(*) FROM events") == [(4,)]
    assert verify(on_server.readonly()).broken is None
    assert claims(on_server) == 0


def test_what_is_no_gateway_writes_beside_it(
    on_server: KeptOnServer, claim: Claim, event: Make
) -> None:
    recorder = Recorder(on_server.open())
    recorder.start()
    asyncio.run(recorder.durable(event(), promised(5)))
    assert recorder.close(10) == 0


def test_a_session_that_is_lost_is_made_anew_with_its_claim(
    on_server: KeptOnServer, claim: Claim, event: Make
) -> None:
    with recording(on_server, ONE) as recorder:
        asyncio.run(recorder.durable(event(), promised(5)))
        ended = on_server.server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = '{ONE.name}'"
        )
        assert len(ended) >= 2
        eventually(lambda: claims(on_server) == 0)
        claim.hold()
        asyncio.run(recorder.durable(event(), promised(5)))
        assert claims(on_server) == 2
        with pytest.raises(TakenError):
            Claim(server_at(on_server.url, "rw", OTHER)).hold()


def test_a_server_that_starts_again_is_claimed_again(on_server: KeptOnServer, claim: Claim) -> None:
    on_server.server.stop()
    try:
        with pytest.raises(AwayError, match="cannot be reached"):
            claim.hold()
    finally:
        on_server.server.start()
    claim.hold()
    assert claims(on_server) == 1


def test_of_many_that_come_at_once_one_is_first(on_server: KeptOnServer) -> None:
    six = [Gateway(number, f"schoolgate {number} 1 2026-11-18T08:02Z") for number in range(6)]
    held = [Claim(server_at(on_server.url, "rw", each)) for each in six]
    told: list[str] = []

    def come(claim: Claim) -> None:
        try:
            claim.hold()
            told.append("first")
        except TakenError as error:
            told.append(str(error))

    threads = [threading.Thread(target=come, args=(each,)) for each in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in held:
        each.close()
    assert told.count("first") == 1
    assert sum(text.startswith("Another gateway (") for text in told) == 5


def test_who_holds_its_claim_holds_up_no_writer(on_server: KeptOnServer, claim: Claim) -> None:
    with on_server.locked():
        started = time.monotonic()
        claim.hold()
        assert time.monotonic() - started < promised(1)


def test_the_server_soon_misses_a_session_with_a_claim(
    on_server: KeptOnServer, claim: Claim
) -> None:
    with record_for(on_server, ONE).writer() as connection, connection.begin():
        for setting, seconds in (("idle", "3"), ("interval", "1"), ("count", "3")):
            found = connection.exec_driver_sql(f"SHOW tcp_keepalives_{setting}").scalar()
            assert found == seconds
        assert connection.exec_driver_sql("SHOW tcp_user_timeout").scalar() == "6000"
