"""What `schoolgate lists` shows: for people as text, for machines as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from addon.list_updates import Looked, Steps
from rules.lists.comparing import Change, Measure
from rules.lists.entries import FAULTS, Entry
from rules.lists.importing import Draft
from rules.lists.keeping import About, kept_line
from rules.policy import Policy

_SHOWN = 20
_KIND_WORDS = {
    "domain": "names with all below",
    "host": "single hosts",
    "network": "networks",
    "url": "paths",
    "pattern": "patterns",
}


@contextmanager
def steps(quiet: bool) -> Iterator[Steps]:
    """Show progress on standard error, if that is a terminal and nobody asked for quiet."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Steps()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield Steps(
            lambda what, total: bar.reset(task, description=what, total=total or None),
            lambda count: bar.advance(task, count),
        )


def brought_in(draft: Draft) -> dict[str, Any]:
    """A list that has come into force."""
    return {
        **asdict(draft.about),
        "left_out": draft.left_out,
        "faults": [str(fault) for fault in draft.tally.faults],
    }


def brought_in_text(draft: Draft) -> str:
    """The same, with what was passed over and why."""
    about, tally = draft.about, draft.tally
    lines = [f"{about.name}: {_entries(about.entries)} ({about.format}) from {about.origin}."]
    if draft.left_out:
        lines.append(f"{draft.left_out:,} left out, as you or the list itself say.")
    lines += _unused(asdict(about))
    lines += [f"{count:,} passed over: {why}." for why, count in tally.skipped.most_common()]
    lines += [f"  {fault}" for fault in tally.faults[:_SHOWN]]
    faults = tally.faulty
    if faults > len(tally.faults[:_SHOWN]):
        lines.append(f"  … {faults:,} such lines in all.")
    return "\n".join(lines)


def as_source(draft: Draft) -> str:
    """How to have the list kept up to date: its entry for the file of sources."""
    source = draft.source
    entry: dict[str, Any] = {"where": source.origin}
    if source.recipe.format:
        entry["format"] = str(source.recipe.format)
    if source.recipe.parts:
        entry["part"] = list(source.recipe.parts)
    if source.recipe.column:
        entry["column"] = source.recipe.column
    if source.left_out:
        entry["without"] = list(source.left_out)
    entry["every"] = "1d"
    text = yaml.safe_dump({source.name: entry}, sort_keys=False, allow_unicode=True)
    return (
        f"To keep it up to date, write this into lists/sources.yaml in the state folder:\n\n{text}"
    )


def as_entry(name: str, policy: Policy) -> str:
    """How to have the list count, if the policy does not name it yet; what to write into it."""
    if f"lists.{name}" in policy.spots:
        return ""
    entry = {"lists": {name: {"name": "a listed site", "categories": ["social-networking"]}}}
    text = yaml.safe_dump(entry, sort_keys=False, default_flow_style=None)
    return (
        "The list counts only once the policy names it: what one of its sites is called, and in"
        f" which categories they are. Such as:\n\n{text}"
    )


def updated(name: str, draft: Draft | None) -> dict[str, Any]:
    """What came of one list of an update."""
    if draft is None:
        return {"name": name, "unchanged": True}
    return {**brought_in(draft), "unchanged": False}


def updated_text(outcomes: Sequence[dict[str, Any]], known: int) -> str:
    """What came of an update, a line a list."""
    lines = []
    for outcome in outcomes:
        if "failure" in outcome:
            lines.append(f"{outcome['failure']} The last good copy, if any, stays.")
        elif outcome["unchanged"]:
            lines.append(f"{outcome['name']}: nothing new.")
        else:
            lines.append(f"{outcome['name']}: {_entries(outcome['entries'])}.")
    return "\n".join(lines) or f"None of the {known} lists is due."


def changes(before: About, draft: Draft, found: Sequence[tuple[Change, Entry]]) -> dict[str, Any]:
    """What an update would add and lose."""
    by_change: dict[str, list[str]] = {change: [] for change in Change}
    for change, entry in found:
        by_change[change].append(kept_line(entry))
    return {
        "name": before.name,
        "before": before.count,
        "after": sum(draft.written.entries.values()),
        **by_change,
    }


def changes_text(before: About, found: Sequence[tuple[Change, Entry]]) -> str:
    """The same, a line an entry, with a plus or a minus."""
    count = Counter(change for change, _ in found)
    signs = {Change.GAINED: "+", Change.LOST: "-"}
    lines = [f"{signs[change]} {kept_line(entry)}" for change, entry in found]
    lines.append(
        f"{before.name}: {count[Change.GAINED]:,} more, {count[Change.LOST]:,} gone, "
        f"of {before.count:,} entries."
    )
    return "\n".join(lines)


def measures(found: Sequence[Measure]) -> list[dict[str, Any]]:
    """The catalogue against lists, a row a list."""
    return [{**asdict(one), "total": one.total} for one in found]


def measures_text(lacking: Sequence[Measure], found: Sequence[Measure]) -> str:
    """What the catalogue lacks of sites it knows, and which lists it knows nothing of."""
    lines = []
    for one in (one for one in lacking if one.recognised):
        about = one.site or "several sites"
        lines.append(f"{about}: {len(one.missing)} of {one.total} names in '{one.name}' missing")
        lines += [f"  {host}" for host in one.missing]
    for one in found:
        lines += [
            f"{host} in '{one.name}' belongs to {site}, not {one.site}"
            for host, site in one.elsewhere
        ]
    unknown = [f"{one.name} ({one.total})" for one in lacking if not one.recognised]
    if unknown:
        lines.append(f"Lists with no name in the catalogue: {', '.join(unknown)}.")
    recognised = sum(one.recognised + len(one.elsewhere) for one in found)
    total = sum(one.total for one in found)
    known = sum(one.recognised > 0 for one in found)
    lines.append(
        f"{recognised:,} of {total:,} names are recognised; {known} of {len(found)} lists "
        "have names of sites in the catalogue."
    )
    return "\n".join(lines)


def catalogue(policy: Policy) -> dict[str, Any]:
    """Counts of the catalogue."""
    sites = list(policy.catalogue)
    return {
        "sites": len(sites),
        "domains": sum(len(site.domains) for site in sites),
        "restricted": len(policy.restricted),
        "categories": dict(Counter(name for site in sites for name in sorted(site.categories))),
    }


def row(
    name: str, about: About | None, looked: Looked, due: bool, fault: str = ""
) -> dict[str, Any]:
    """One list in force, or one that should be."""
    return {
        "name": name,
        "about": asdict(about) if about else None,
        "looked": looked.at,
        "failure": looked.failure,
        "fault": fault,
        "due": due,
    }


def stats_text(catalogue: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The counts, a paragraph for the catalogue and one for each list."""
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(catalogue["categories"].items()))
    lines = [
        f"Catalogue: {catalogue['sites']} sites with {catalogue['domains']:,} domains, "
        f"{catalogue['restricted']} restricted ({kinds})."
    ]
    for one in rows:
        about = one["about"]
        if about:
            lines.append(
                f"{one['name']}: {_entries(about['entries'])}, of {about['taken']}, "
                f"from {about['origin']} ({about['format']})."
            )
            lines += [f"  {line}" for line in _unused(about)]
            lines += [
                f"  {count:,} passed over: {why}."
                for why, count in about["skipped"].items()
                if why in FAULTS
            ]
        else:
            lines.append(f"{one['name']}: not in force.")
        if one["failure"]:
            lines.append(f"  The last attempt failed: {one['failure']}")
        elif one["fault"]:
            lines.append(f"  {one['fault']}")
        if one["due"]:
            lines.append("  An update is due.")
    return "\n".join(lines)


def _entries(entries: dict[str, int]) -> str:
    return ", ".join(
        f"{entries[kind]:,} {words}" for kind, words in _KIND_WORDS.items() if entries.get(kind)
    )


def _unused(about: dict[str, Any]) -> list[str]:
    """What is kept of a list and does not count, or not by itself, a sentence for each kind."""
    lines = []
    if count := about["entries"].get("pattern"):
        lines.append(
            f"Patterns are not used ({count:,}): names that only a pattern fits do not reach"
            " the gate."
        )
    if count := about["alone"]:
        lines.append(
            f"Hosts that others have names below, and paths there, are not used ({count:,})."
        )
    if count := about["entries"].get("url"):
        lines.append(
            f"Paths are used ({count:,}) if the policy says 'paths: decrypted' for this list."
        )
    return lines
