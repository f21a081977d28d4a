"""What took effect last is kept whole, and stands in while the policy's own files have faults."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from addon.kept_policy import KeptPolicy
from addon.policy_in_force import PolicyInForce
from addon.state_folder import lists_folder
from rules.loading import SHIPPED_POLICY, PolicyError
from rules.request import WebRequest

START = datetime(2026, 6, 8, 9, 5, tzinfo=UTC)
BAD = "school: [\n"
STAFF = "id,name,role\nk.rowan,K Rowan,employee\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a list in it."""
    state = tmp_path / "state"
    lists_folder(state).mkdir(parents=True, mode=0o700)
    names = "".join(f"chat-{number}.example\n" for number in range(60_000))
    (lists_folder(state) / "chats.txt").write_text(names)
    return state


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A policy in several files: one included, one of people, one list."""
    folder = tmp_path / "policy"
    (folder / "parts").mkdir(parents=True)
    path = folder / "school.yaml"
    shutil.copy(SHIPPED_POLICY, path)
    with path.open("a") as file:
        file.write("include: [parts/more.yaml]\npeople-from: [staff.csv]\n")
    (folder / "parts" / "more.yaml").write_text(
        "lists:\n  chats: {name: Chats, categories: [social-networking], source: ours}\n"
    )
    (folder / "staff.csv").write_text(STAFF)
    return path


@pytest.fixture
def process(policy_file: Path, state: Path) -> Callable[[], PolicyInForce]:
    """Starts what each process has: a policy in force, with the copy that all share."""
    ticks = count()

    def start() -> PolicyInForce:
        in_force = PolicyInForce(
            *(policy_file, lambda: START + timedelta(minutes=next(ticks)), lists_folder(state)),
            kept=KeptPolicy(state, policy_file),
        )
        in_force.keep()
        return in_force

    return start


def remark(policy_file: Path, text: str) -> None:
    policy_file.write_text(policy_file.read_text() + f"# {text}\n")


@pytest.mark.parametrize("what", ["school.yaml", "parts/more.yaml", "staff.csv", "chats.txt"])
@pytest.mark.parametrize("gone", [False, True], ids=["bad", "gone"])
def test_whichever_file_goes_bad_the_copy_stands_in_under_the_files_own_names(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path, what: str, gone: bool
) -> None:
    good = process().now
    folder = lists_folder(state) if what == "chats.txt" else policy_file.parent
    before = (folder / what).read_bytes()
    (folder / what).unlink()  # a list is replaced, never written into
    if not gone:
        (folder / what).write_bytes(b"school: [\n\0")
    started = process()
    now = started.now
    assert now.from_copy
    assert now.policy.digest == good.policy.digest
    assert now.policy.files == good.policy.files
    assert now.since == good.since
    assert now.last_reload_error
    assert str(state) not in now.last_reload_error
    assert what.removesuffix(".txt") in now.last_reload_error
    assert "k.rowan" in now.policy.people
    assert now.policy.restricted_site("chat-7.example")
    request = WebRequest("www.facebook.com")
    for name, person in now.policy.people.items():
        then = now.policy.decide(request, person, START)
        before_that = good.policy.decide(request, good.policy.people[name], START)
        assert (then.allowed, then.reason) == (before_that.allowed, before_that.reason)
    assert now.policy.spots == good.policy.spots
    named = {spot.file for spot in now.policy.spots.values()}
    assert named == {"school.yaml", "parts/more.yaml", "staff.csv"}

    (folder / what).write_bytes(before)
    started.has_changed()
    assert started.has_changed()
    assert started.reload() is None
    assert not started.now.from_copy
    assert started.now.policy.digest == good.policy.digest


def test_processes_agree_however_late_one_of_them_reads(
    process: Callable[[], PolicyInForce], policy_file: Path
) -> None:
    quick, slow = process(), process()
    remark(policy_file, "Monday")
    assert quick.reload() is None
    policy_file.write_text(BAD)
    assert quick.reload()
    assert slow.reload(), "it never saw Monday's"
    new = process()
    assert slow.now.policy.digest == quick.now.policy.digest == new.now.policy.digest
    assert slow.now.last_reload_error
    assert slow.now.since == quick.now.since


def test_a_copy_that_comes_after_the_fault_is_noticed(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    slow, quick = process(), process()
    good = policy_file.read_text()
    policy_file.write_text(BAD)
    assert slow.reload()
    assert not slow.has_changed()
    policy_file.write_text(good)
    remark(policy_file, "Tuesday")
    assert quick.reload() is None
    policy_file.write_text(BAD)
    slow.has_changed()
    assert slow.has_changed()
    assert slow.reload()
    assert slow.now.policy.digest == quick.now.policy.digest


def test_files_that_have_moved_on_are_not_kept_in_the_name_of_what_was_read(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    started, kept = process(), KeptPolicy(state, policy_file)
    before, policy = kept.last(), started.now.policy
    remark(policy_file, "one")
    started.reload()
    assert kept.last() != before
    remark(policy_file, "two")
    assert not kept.keep(policy, START)
    assert kept.last().digest == started.now.policy.digest  # type: ignore[union-attr]


def test_only_the_last_two_are_kept_and_for_their_owner_alone(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    started, digests = process(), []
    for number in range(4):
        remark(policy_file, str(number))
        assert started.reload() is None
        digests.append(started.now.policy.digest)
    folder = state / "policy-in-force"
    assert {path.name for path in folder.iterdir()} == {"last", *digests[-2:]}
    assert all(
        path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
        for path in (folder, *folder.rglob("*"))
        if not path.name.endswith("chats.txt")  # the same file as the list's own
    )
    policy_file.write_text(policy_file.read_text().removesuffix("# 3\n"))
    assert started.reload() is None, "back to one that is still there"
    assert KeptPolicy(state, policy_file).last().digest == digests[-2]  # type: ignore[union-attr]


def test_a_copy_that_was_written_into_or_is_no_longer_understood_is_not_used(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    digest = process().now.policy.digest
    policy_file.write_text(BAD)
    (about,) = (state / "policy-in-force" / digest).glob("about.json")
    name, _ = json.loads(about.read_text())[str(policy_file)]
    copy = about.with_name(name)
    copy.write_text(copy.read_text().replace("Barningham", "Birmingham"))
    with pytest.raises(PolicyError) as refused:
        process()
    lines = str(refused.value).splitlines()
    assert "A copy was kept of the policy in force since 2026-06-08 09:05 UTC" in lines[0]
    assert "is damaged" in lines[0]
    assert "This is not YAML" in lines[1]


@pytest.mark.parametrize(
    "note",
    ["", "[]", "{}", '{"digest": 1}', "\udcff", '{"digest": "../..", "since": "2026-01-01"}'],
)
def test_a_note_that_makes_no_sense_is_no_copy(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path, note: str
) -> None:
    process()
    path = state / "policy-in-force" / "last"
    path.write_bytes(note.encode(errors="surrogateescape"))
    assert KeptPolicy(state, policy_file).last() is None
    process()
    assert KeptPolicy(state, policy_file).last(), "it is kept anew"


def test_the_copy_of_one_file_does_not_stand_in_for_another(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    process()
    with pytest.raises(PolicyError):
        PolicyInForce(
            *(policy_file.with_name("schol.yaml"), lambda: START, lists_folder(state)),
            kept=KeptPolicy(state, policy_file.with_name("schol.yaml")),
        )


def test_a_copy_that_cannot_be_kept_is_said_and_the_policy_takes_effect(
    process: Callable[[], PolicyInForce], policy_file: Path, state: Path
) -> None:
    shutil.rmtree(state / "policy-in-force", ignore_errors=True)
    (state / "policy-in-force").write_text("a file where the folder should be")
    started = process()
    assert started.now.not_kept == "File exists"
    remark(policy_file, "more")
    before = started.now.policy.digest
    assert started.reload() is None
    assert started.now.policy.digest != before
    assert started.now.not_kept
    policy_file.write_text(BAD)
    assert started.reload(), "and what is in force stays so"
    assert not started.now.from_copy


def test_a_fault_in_a_file_that_is_new_is_mended_there(
    process: Callable[[], PolicyInForce], policy_file: Path
) -> None:
    started = process()
    text = policy_file.read_text()
    policy_file.write_text(text.replace("[parts/more.yaml]", "[parts/more.yaml, new.yaml]"))
    assert started.reload()
    assert not started.has_changed()
    policy_file.with_name("new.yaml").write_text("essentials: [example.org]\n")
    started.has_changed()
    assert started.has_changed()
    assert started.reload() is None
