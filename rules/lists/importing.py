"""A list taken in: from wherever it is on disk to entries ready to be kept, checked on the way."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rules.lists.bundles import open_bundle
from rules.lists.entries import Entry, Kind, ListError, Tally
from rules.lists.keeping import (
    KEPT,
    WORK,
    About,
    Written,
    kept_order,
    put_in_place,
    read_about,
    write_entries,
)
from rules.lists.sanity import Guard, check_loss
from rules.lists.sorting import Sorter, order, without_covered
from rules.lists.sources import Source
from rules.lists.texts import Progress

_MOST_FAULTY = 1 / 3


@dataclass(frozen=True, slots=True)
class Draft:
    """A list that has been read and found sound, not yet in force."""

    source: Source
    about: About
    written: Written
    tally: Tally
    left_out: int

    def put_in_force(self, folder: Path) -> Path:
        """Put it in the place of the last one. Raises ListError."""
        try:
            return put_in_place(self.written, self.about, folder)
        except OSError as error:
            raise _unwritten(self.source.name, error) from error


def take_in(
    source: Source,
    path: Path,
    folder: Path,
    now: datetime,
    essentials: frozenset[str],
    progress: Progress,
    *,
    accept_loss: bool = False,
) -> Draft:
    """Read a list from a file or folder on disk and check it against the one it would replace.

    `folder` is where the list is kept; its folder `work`, which must be there and empty, takes what
    is written on the way. Raises ListError, and then nothing has changed.
    """
    work = folder / WORK
    guard = Guard(essentials, source.left_out)
    tally, sorter = Tally(), Sorter(work)
    try:
        bundle = open_bundle(path, source.origin, source.recipe, work, progress)
        for found in bundle.entries:
            tally.count(found)
            if isinstance(found, Entry):
                if found.kind is Kind.EXCEPTION:
                    guard.leave_out(found.text)
                else:
                    sorter.add(order(found))
        _check_tally(source, bundle.format, tally)
        keys = guard.watched(without_covered(sorter.sorted()))
        written = write_entries(keys, work, guard.may_widen)
    except OSError as error:
        raise _unwritten(source.name, error) from error
    guard.raise_if_harmful(source.name)
    if not written.entries:
        raise ListError(f"{source.name} is refused, for nothing is left of it.")
    about = About(
        name=source.name,
        origin=source.origin,
        mark=source.mark,
        format=str(bundle.format),
        taken=now.isoformat(timespec="seconds"),
        source_sha256=bundle.sha256,
        source_bytes=bundle.bytes,
        sha256=written.sha256,
        names_sha256=written.names_sha256,
        entries={str(kind): count for kind, count in written.entries.items()},
        skipped={str(why): count for why, count in tally.skipped.most_common()},
        more_sha256=written.more_sha256,
        alone=written.alone,
    )
    draft = Draft(source, about, written, tally, guard.left_out)
    _check_loss(draft, folder / KEPT, accept_loss)
    return draft


def _check_tally(source: Source, format_: str, tally: Tally) -> None:
    good = sum(tally.entries.values())
    if tally.faulty > (good + tally.faulty) * _MOST_FAULTY:
        raise ListError(
            f"{source.name} is refused, for {tally.faulty:,} of its "
            f"{good + tally.faulty:,} lines are not what a list in the format '{format_}' has; "
            f"the first is {tally.faults[0]}"
        )
    if not good:
        raise ListError(f"{source.name} is refused, for there is no name in it.")


def _check_loss(draft: Draft, kept: Path, accept_loss: bool) -> None:
    if accept_loss or not kept.exists():
        return
    before = read_about(kept)
    # From elsewhere, or read in another way, it is another list: the admin has just said so.
    if before.mark == draft.source.mark:
        new = kept_order(draft.written.path, headed=False)
        check_loss(draft.source.name, kept_order(kept), new, before.count)


def _unwritten(name: str, error: OSError) -> ListError:
    return ListError(f"{name} cannot be kept: {error.strerror or error}.")
