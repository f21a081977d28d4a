"""Files of leases, watched: real files, changed as servers change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from addon.identity.desk import Desk
from addon.identity.intervals import Interval
from addon.identity.lease_files import LeaseFiles
from addon.identity.sessions import Session
from addon.identity.tracking import Tracker
from rules.identity import Source
from rules.loading import load_policy
from storage.database import open_record
from tests.addon.identity.clockwork import FERN, LAPTOP, TABLET, WILLOW
from tests.support.identity import policy_with

STRANGE = "a4:5e:60:00:00:99"
HEADER = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,state"


class Days(Desk):
    """A desk on which days go by at once."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Watched:
    """Lease files of a policy, and who is where by them."""

    def __init__(self, folder: Path, *files: tuple[Path, str]) -> None:
        leases = [{"file": str(path), "format": form} for path, form in files]
        path = policy_with(
            folder,
            {"sources": ["lease"], "leases": leases},
            fern={"devices": [LAPTOP]},
            willow={"devices": [TABLET]},
        )
        self.policy = load_policy(path)
        self.tracker = Tracker()
        self.desk = Days(self.tracker, lambda: self.policy, open_record(folder / "state"))
        self.files = LeaseFiles(self.desk)
        self.intervals: list[Interval] = []

    def look(self) -> dict[str, str]:
        """Looks once; who is at which address now."""
        asyncio.run(self.files.look())
        found: dict[str, Any] = {}
        for interval in self.tracker.take_changes():
            found[interval.address] = interval
            self.intervals.append(interval)
        self._now = {**getattr(self, "_now", {}), **found}
        return {a: i.person for a, i in self._now.items() if i.ended is None}

    def change(self, policy: Path) -> None:
        self.policy = load_policy(policy)
        self.files.forget()

    def after(self, seen: str | None = None, **passed: float) -> tuple[str | None, int]:
        """Who is at 10.0.0.7 so much later, and how sure; `seen` is a device just seen there."""
        self.desk.ahead += timedelta(**passed)
        now = self.desk.now()
        self.tracker.sweep(now)
        if seen:
            self.tracker.sighted("10.0.0.7", seen, now, now)
        person = self.look().get("10.0.0.7")
        return person, self._now["10.0.0.7"].confidence(now)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dnsmasq.leases"


@pytest.fixture
def watched(tmp_path: Path, file: Path) -> Watched:
    return Watched(tmp_path, (file, "dnsmasq"))


def stamp(**ahead: float) -> int:
    return int((datetime.now(UTC) + timedelta(**ahead)).timestamp())


def handed_over(folder: Path, file: Path) -> Path:
    """A policy by which Fern's laptop is Willow's."""
    terms = {"sources": ["lease"], "leases": [{"file": str(file), "format": "dnsmasq"}]}
    return policy_with(folder, terms, willow={"devices": [LAPTOP]})


def line(hardware: str, address: str, **ahead: float) -> str:
    return f"{stamp(**(ahead or {'hours': 1}))} {hardware} {address} * *\n"


type Write = Callable[[str], None]


def test_a_device_with_an_owner_is_known_by_its_lease(watched: Watched, file: Path) -> None:
    file.write_text(line(LAPTOP, "10.0.0.7") + line(STRANGE, "10.0.0.9"))
    assert watched.look() == {"10.0.0.7": FERN}


def test_a_lease_in_the_past_tells_nothing(watched: Watched, file: Path) -> None:
    file.write_text(line(LAPTOP, "10.0.0.7", minutes=-1))
    assert watched.look() == {}


def test_a_lease_ends_when_it_ends(watched: Watched, file: Path) -> None:
    file.write_text(line(LAPTOP, "10.0.0.7", seconds=1))
    assert watched.look() == {"10.0.0.7": FERN}
    asyncio.run(asyncio.sleep(1.1))
    assert watched.look() == {}


class TestALongLease:
    @pytest.fixture(params=["0", "8 days"], autouse=True)
    def _lease(self, request: pytest.FixtureRequest, watched: Watched, file: Path) -> None:
        expiry = "0" if request.param == "0" else stamp(days=8)
        file.write_text(f"{expiry} {LAPTOP} 10.0.0.7 * *\n")
        assert watched.after() == (FERN, 70)

    def test_fades_while_nothing_is_heard_of_its_device(self, watched: Watched) -> None:
        assert watched.after(hours=23) == (FERN, 70)
        assert watched.after(hours=13) == (FERN, 34)
        assert watched.after(hours=13) == (None, 0)
        assert watched.after(hours=13) == (None, 0)

    def test_does_not_while_its_device_is_seen_there(self, watched: Watched) -> None:
        for _ in range(7):
            assert watched.after(seen=LAPTOP, hours=23) == (FERN, 70)
        assert len({interval.id for interval in watched.intervals}) == 1

    def test_is_known_again_when_its_device_comes_back(self, watched: Watched) -> None:
        assert watched.after(hours=72) == (None, 0)
        assert watched.after(seen=LAPTOP, minutes=1) == (FERN, 70)
        assert watched.after(seen=LAPTOP, hours=20) == (FERN, 70)

    def test_is_not_by_the_sight_of_another(self, watched: Watched) -> None:
        assert watched.after(seen=TABLET, hours=1) == (None, 0)
        assert watched.after(hours=72) == (None, 0)
        assert watched.after(seen=STRANGE, minutes=1) == (None, 0)

    def test_is_no_news_because_the_policy_has_changed(self, watched: Watched) -> None:
        for passed, known in ((36, (FERN, 34)), (36, (None, 0))):
            watched.after(hours=passed)
            watched.files.forget()
            assert watched.after() == known

    @pytest.mark.parametrize("told", [True, False], ids=["told", "not told yet"])
    def test_is_the_new_owners_at_once_where_its_device_is_seen(
        self, watched: Watched, tmp_path: Path, file: Path, told: bool
    ) -> None:
        for _ in range(3):
            assert watched.after(seen=LAPTOP, hours=23) == (FERN, 70)
        watched.policy = load_policy(handed_over(tmp_path, file))
        if told:
            watched.files.forget()
        assert watched.after(seen=LAPTOP, minutes=1) == (WILLOW, 70)

    def test_is_not_the_former_owners_where_its_device_is_not(
        self, watched: Watched, tmp_path: Path, file: Path
    ) -> None:
        for _ in range(3):
            assert watched.after(seen=LAPTOP, hours=23) == (FERN, 70)
        watched.after(hours=25)  # the sighting is forgotten, and still holds the lease up
        assert watched.after() == (FERN, 67)
        watched.change(handed_over(tmp_path, file))
        assert watched.after() == (None, 0)

    @pytest.mark.parametrize(
        ("passed", "back", "known"),
        [
            (0, 3, (FERN, 70)),  # to before it was read
            (30, 10, (FERN, 52)),  # to after that: what has faded stays so
            (30, 1000, (FERN, 52)),
            (72, 1000, (None, 0)),
        ],
    )
    def test_ages_on_when_the_clock_is_set_back_and_the_policy_changes(
        self, watched: Watched, passed: float, back: float, known: tuple[str | None, int]
    ) -> None:
        watched.after(hours=passed)
        assert watched.after(hours=-back) == known
        watched.files.forget()
        assert watched.after() == known

    def test_goes_on_by_a_later_end(self, watched: Watched, file: Path) -> None:
        watched.after(hours=47)
        file.write_text(line(LAPTOP, "10.0.0.7", days=9))
        assert watched.after() == (FERN, 70)
        watched.after(hours=49)
        file.write_text(line(LAPTOP, "10.0.0.7", days=10))
        assert watched.after() == (FERN, 70)


def test_an_address_goes_to_another_device(watched: Watched, file: Path) -> None:
    file.write_text(line(LAPTOP, "10.0.0.7"))
    watched.look()
    file.write_text(line(TABLET, "10.0.0.7", hours=2))
    assert watched.look() == {"10.0.0.7": "willow.example"}
    file.write_text(line(STRANGE, "10.0.0.7", hours=3))
    assert watched.look() == {}


def test_an_ipv6_lease_does_not_bring_a_colleagues_session_along(
    watched: Watched, file: Path
) -> None:
    """Whoever asks for it says which device they are: here, somebody else's."""
    now = datetime.now(UTC)
    watched.tracker.arrive(
        Session(Source.SIGN_IN, "a", FERN, now, address="10.0.0.7", hardware=LAPTOP), now
    )
    duid = f"00:03:00:01:{LAPTOP}"
    file.write_text(f"duid 00:01\n{stamp(hours=1)} 1 fd00::666 * {duid}\n")
    watched.look()
    found = [i.source for i in watched.intervals if i.address == "fd00::666"]
    assert found == [Source.LEASE]  # which counts for little


def test_a_lease_that_is_missing_once_may_only_not_be_written_yet(
    watched: Watched, file: Path
) -> None:
    whole = line(LAPTOP, "10.0.0.7") + line(TABLET, "10.0.0.8")
    file.write_text(whole)
    watched.look()
    file.write_text(whole[: len(whole) // 2])
    assert watched.look() == {"10.0.0.7": FERN, "10.0.0.8": "willow.example"}
    file.write_text(whole)
    assert watched.look() == {"10.0.0.7": FERN, "10.0.0.8": "willow.example"}
    file.write_text(line(LAPTOP, "10.0.0.7"))
    watched.look()
    assert watched.look() == {"10.0.0.7": FERN}


def test_two_leases_of_one_address_are_nobodys(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other.leases"
    watched = Watched(tmp_path, (file, "dnsmasq"), (other, "dnsmasq"))
    file.write_text(line(LAPTOP, "10.0.0.7"))
    other.write_text("")
    assert watched.look() == {"10.0.0.7": FERN}
    other.write_text(line(TABLET, "10.0.0.7"))
    assert watched.look() == {}
    file.write_text("")
    assert watched.look() == {"10.0.0.7": "willow.example"}


def test_a_policy_that_names_other_devices_or_files_counts_at_the_next_look(
    tmp_path: Path, watched: Watched, file: Path
) -> None:
    file.write_text(line(LAPTOP, "10.0.0.7") + line(TABLET, "10.0.0.8"))
    assert watched.look() == {"10.0.0.7": FERN, "10.0.0.8": "willow.example"}
    watched.change(handed_over(tmp_path, file))
    assert watched.look() == {"10.0.0.7": "willow.example"}
    watched.change(policy_with(tmp_path, {"sources": ["device"]}, willow={"devices": [LAPTOP]}))
    watched.look()
    assert watched.look() == {}


def test_keas_clean_up_loses_nobody(tmp_path: Path) -> None:
    file = tmp_path / "kea-leases4.csv"
    watched = Watched(tmp_path, (file, "kea"))
    rows = f"{HEADER}\n10.0.0.7,{LAPTOP},,3600,{stamp(hours=1)},1,0\n"
    file.write_text(rows)
    assert watched.look() == {"10.0.0.7": FERN}
    file.rename(tmp_path / "kea-leases4.csv.1")
    file.write_text(f"{HEADER}\n10.0.0.8,{TABLET},,3600,{stamp(hours=1)},1,0\n")
    watched.look()
    assert watched.look() == {"10.0.0.7": FERN, "10.0.0.8": "willow.example"}


def test_a_file_that_goes_away_tells_nothing_new_and_takes_nothing_back(
    watched: Watched, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert watched.look() == {}
    assert "cannot be read" in caplog.text
    file.write_text(line(LAPTOP, "10.0.0.7"))
    watched.look()
    file.unlink()
    watched.look()
    assert watched.look() == {"10.0.0.7": FERN}
