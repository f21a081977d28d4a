"""What is due is brought in; what goes wrong leaves the list in force as it was."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from addon.list_sources import Fetcher, Patience, Version
from addon.list_updates import ListFolder, Looked, Steps, Updater, is_due
from rules.lists.bundles import Recipe
from rules.lists.entries import ListError
from rules.lists.keeping import read_kept
from rules.lists.sources import Source
from tests.support.list_server import ListServer, answer, content, dripping, list_server

NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[ListServer]:
    with list_server() as server:
        server.pages["/list"] = content(b"larch.example\noak.example\n", ETag='"1"')
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> ListFolder:
    return ListFolder(tmp_path / "state")


@pytest.fixture
def updater(folder: ListFolder) -> Updater:
    return Updater(folder, Fetcher(Patience(1, 1, 3)), frozenset({"bank.example"}), Steps())


def source(server: ListServer, path: str = "/list", **options: object) -> Source:
    return Source("trees", server.at(path), Recipe(), (), DAY, **options)  # type: ignore[arg-type]


def test_a_list_is_fetched_and_in_force(
    server: ListServer, folder: ListFolder, updater: Updater
) -> None:
    draft = updater.update(source(server), NOW)
    assert draft is not None
    assert read_kept(folder.kept("trees")).domains == ("larch.example", "oak.example")
    assert folder.names() == ["trees"]
    assert folder.looked("trees") == Looked(
        NOW.isoformat(), "", source(server).mark, Version('"1"')
    )
    assert sorted(path.name for path in (folder.path / "trees").iterdir()) == ["kept", "state.json"]


def test_what_has_not_changed_is_left_alone(
    server: ListServer, folder: ListFolder, updater: Updater
) -> None:
    updater.update(source(server), NOW)
    before = folder.kept("trees").stat().st_ino
    assert updater.update(source(server), NOW + DAY) is None
    assert folder.kept("trees").stat().st_ino == before
    assert folder.looked("trees").at == (NOW + DAY).isoformat()
    assert folder.looked("trees").version == Version('"1"')
    assert updater.update(source(server), NOW, afresh=True) is not None


@pytest.mark.parametrize("change", ["recipe", "kept", "txt"])
def test_a_list_is_fetched_again_if_it_would_come_out_otherwise(
    server: ListServer, folder: ListFolder, updater: Updater, change: str
) -> None:
    updater.update(source(server), NOW)
    if change != "recipe":
        gone = {"kept": folder.kept("trees"), "txt": folder.path / "trees.txt"}[change]
        gone.unlink()
        assert updater.update(source(server), NOW) is not None
        assert gone.exists()
    else:
        other = Source("trees", server.at("/list"), Recipe(), ("oak.example",), DAY)
        assert updater.update(other, NOW) is not None
        assert read_kept(folder.kept("trees")).domains == ("larch.example",)


@pytest.mark.parametrize(
    "page",
    [
        answer(500),
        dripping(2, 0, 5000),
        content(b"<!DOCTYPE html><title>Sign in</title>"),
        content(b"larch.example\ngov.uk\n"),
        content(b"elm.example\n"),
        content(b"bank.example\nlarch.example\noak.example\n"),
        content("larch.example".encode("utf-16")),
    ],
)
def test_whatever_goes_wrong_the_last_good_copy_stays(
    server: ListServer, folder: ListFolder, updater: Updater, page: object
) -> None:
    updater.update(source(server), NOW)
    before = folder.kept("trees").read_bytes()
    server.pages["/list"] = page  # type: ignore[assignment]
    with pytest.raises(ListError) as caught:
        updater.update(source(server), NOW + DAY)
    assert folder.kept("trees").read_bytes() == before
    assert not (folder.path / "trees" / "work").exists()
    looked = folder.looked("trees")
    assert (looked.failure, looked.at) == (str(caught.value), (NOW + DAY).isoformat())
    # The version of the last good copy, so that a server that recovers is asked rightly.
    assert looked.version == Version('"1"')


def test_a_draft_changes_nothing(server: ListServer, folder: ListFolder, updater: Updater) -> None:
    with updater.draft(source(server), NOW) as draft:
        assert draft.about.count == 2
    assert not folder.kept("trees").exists()
    assert folder.looked("trees") == Looked()


def test_two_updates_of_one_list_do_not_meet(
    server: ListServer, folder: ListFolder, updater: Updater
) -> None:
    with (
        folder.held("trees"),
        pytest.raises(ListError, match=r"^trees is being updated already; wait until that is done"),
    ):
        updater.update(source(server), NOW)


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "lists").write_text("not a folder", encoding="utf-8")
    folder = ListFolder(tmp_path)
    with (
        pytest.raises(ListError, match=r"trees cannot be used: Not a directory\.$"),
        folder.held("trees"),
    ):
        pass
    folder.note("trees", Looked())
    assert folder.looked("trees") == Looked()


def test_a_disk_that_fails_while_a_folder_is_held_is_a_sentence(folder: ListFolder) -> None:
    with pytest.raises(ListError, match="cannot be used: No space left"), folder.held("trees"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("every", "looked", "after", "due"),
    [
        (DAY, Looked(), timedelta(0), True),
        (None, Looked(), timedelta(0), True),
        (DAY, Looked(NOW.isoformat(), "", "mark"), timedelta(hours=23), False),
        (DAY, Looked(NOW.isoformat(), "", "mark"), DAY, True),
        (DAY, Looked(NOW.isoformat(), "", "other"), timedelta(0), True),
        (None, Looked(NOW.isoformat(), "", "mark"), 99 * DAY, False),
        (DAY, Looked(NOW.isoformat(), "It failed.", "mark"), timedelta(minutes=59), False),
        (DAY, Looked(NOW.isoformat(), "It failed.", "mark"), timedelta(hours=1), True),
    ],
)
def test_a_list_is_due_as_its_source_says(
    every: timedelta | None, looked: Looked, after: timedelta, due: bool
) -> None:
    one = Source("trees", "x", Recipe(), (), every)
    looked = Looked(looked.at, looked.failure, one.mark if looked.mark == "mark" else looked.mark)
    assert is_due(one, looked, NOW + after) is due


SLOW = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from addon.list_sources import Fetcher
from addon.list_updates import ListFolder, Steps, Updater
from rules.lists.bundles import Recipe
from rules.lists.sources import Source

source = Source("trees", sys.argv[2], Recipe(), (), None)
updater = Updater(ListFolder(Path(sys.argv[1])), Fetcher(), frozenset(), Steps())
updater.update(source, datetime.now(UTC), accept_loss=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_list(tmp_path: Path, folder: ListFolder) -> None:
    lists = []
    for letter in "ab":
        path = tmp_path / letter
        path.write_text("".join(f"{letter}{n}.example\n" for n in range(30_000)), encoding="utf-8")
        lists.append(path)
    updater = Updater(folder, Fetcher(), frozenset(), Steps())
    updater.update(Source("trees", str(lists[0]), Recipe(), (), None), NOW)
    seen = set()
    for attempt in range(5):
        command = [sys.executable, "-c", SLOW, str(folder.path.parent), str(lists[attempt % 2])]
        process = subprocess.Popen(command)
        work = folder.path / "trees" / "work"
        while process.poll() is None and not work.exists():
            time.sleep(0.005)
        time.sleep(0.2 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = read_kept(folder.kept("trees"))
        assert len(kept.domains) == 30_000
        seen.add(kept.domains[0][0])
    assert seen <= {"a", "b"}
    # What the killed ones left behind hinders nobody and is cleared away.
    updater.update(Source("trees", str(lists[1]), Recipe(), (), None), NOW, accept_loss=True)
    assert not (folder.path / "trees" / "work").exists()
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "trees",
        "trees.more",
        "trees.txt",
    ]
