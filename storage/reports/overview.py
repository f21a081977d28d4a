"""The overview as a page of text and as JSON.

Calm and plain: it says what was asked for, and what that cannot tell.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from storage.usage import Figure, Overview, SiteUse, Withheld

_WIDTH = 78


def to_text(
    overview: Overview,
    school_name: str,
    timezone: ZoneInfo,
    site_names: Mapping[str, str] | None = None,
) -> str:
    """The overview for reading, with times in the school's `timezone`.

    `site_names` are by site id.
    """
    names = site_names or {}
    rows = [
        ("Site", "People", "Allowed", "Refused"),
        *(_row(use, names, overview.smallest_group) for use in overview.sites),
    ]
    if any(use.withheld is None for use in overview.sites):
        rows.append(
            ("Sites shown, together", "", _words(overview.allowed), _words(overview.refused))
        )
    if not overview.sites:
        rows = []
    parts = [
        f"Social networking at {school_name}",
        _period(overview, timezone),
        _table(rows)
        if rows
        else "Nobody is known to have asked for a restricted site in this time."
        if not _is_of_long_ago(overview)
        else "This was so long ago that it is no longer kept who asked for which site.",
        "Not counted above\n"
        f"  Devices that nobody is known to use:     {_words(overview.unidentified)}\n"
        f"{_of_long_ago(overview)}"
        f"  A person or a page, we cannot tell:      {_words(overview.unclear)}\n"
        f"  Pages and apps, by themselves:           {_words(overview.by_itself)}",
        "What these figures cannot tell\n" + "\n".join(_note(text) for text in notes(overview)),
    ]
    return "\n\n".join(parts) + "\n"


def to_json(
    overview: Overview,
    school_name: str,
    timezone: ZoneInfo,
    site_names: Mapping[str, str] | None = None,
) -> str:
    """The overview for programs.

    Times are ISO 8601 with the school's offset; null stands for what is withheld.
    """
    names = site_names or {}

    def local(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(timezone).isoformat()

    return json.dumps(
        {
            "school": school_name,
            "timezone": timezone.key,
            "since": local(overview.since),
            "until": local(overview.until),
            "record_begins": local(overview.begins),
            "people_at_least": overview.people_at_least,
            "sites": [
                {
                    "site": use.site,
                    "name": _name(use, names),
                    "people_at_least": use.people_at_least,
                    "allowed": _json(use.allowed),
                    "refused": _json(use.refused),
                    "withheld": use.withheld,
                    "some_allowed": use.some_allowed,
                    "some_refused": use.some_refused,
                }
                for use in overview.sites
            ],
            "together": {"allowed": _json(overview.allowed), "refused": _json(overview.refused)},
            "not_counted": {
                "unidentified_devices": _json(overview.unidentified),
                "no_longer_named": _json(overview.no_longer_named),
                "unclear": _json(overview.unclear),
                "by_itself": _json(overview.by_itself),
            },
            "rules": {"smallest_group": overview.smallest_group, "round_to": overview.round_to},
            "notes": notes(overview),
        },
        indent=2,
        ensure_ascii=False,
    )


def notes(overview: Overview) -> list[str]:
    """What a reader has to know to read the figures fairly."""
    return [
        "They count requests, not time: they say nothing about how long a site was open.",
        "They are about the whole school, never about one person. A figure is left out when "
        "fewer than "
        f"{overview.smallest_group} people are behind it, or when one person makes up more than "
        "half of it.",
        f"They are rounded to the nearest {overview.round_to}, and left-out figures are in no "
        "total, so that "
        "nobody's doings can be worked out. People are less easy to pick out, but not impossible.",
        "'Refused' says that the gate did not open, not that somebody did wrong.",
        "A person is known by the computer they use. Somebody else may have sat at it.",
    ]


def _period(overview: Overview, timezone: ZoneInfo) -> str:
    since, until = _time(overview.since, timezone), _time(overview.until, timezone)
    text = f"From {since}\n  to {until} ({timezone.key} time)."
    if overview.begins is not None and overview.begins > overview.since:
        text += f"\nThe record begins on {_time(overview.begins, timezone)}."
    people = overview.people_at_least
    who = f"fewer than {overview.smallest_group}" if people is None else f"at least {people}"
    if _is_of_long_ago(overview):
        who = "no longer known for all of this time"
    return f"{text}\nPeople who asked for a restricted site: {who}."


def _of_long_ago(overview: Overview) -> str:
    """A line for figures whose people have been taken out, where there are any."""
    if not _is_of_long_ago(overview):
        return ""
    return f"  Long ago, no longer kept by person:      {_words(overview.no_longer_named)}\n"


def _is_of_long_ago(overview: Overview) -> bool:
    return overview.no_longer_named.about != 0


def _time(at: datetime, timezone: ZoneInfo) -> str:
    local = at.astimezone(timezone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"


def _row(use: SiteUse, names: Mapping[str, str], smallest_group: int) -> tuple[str, ...]:
    name = _name(use, names)
    some = " and ".join(
        verdict
        for verdict, any_of_it in (("allowed", use.some_allowed), ("refused", use.some_refused))
        if any_of_it
    )
    if use.withheld is Withheld.FEW_PEOPLE:
        return name, f"{some}: fewer than {smallest_group} people, so no figures"
    if use.withheld is Withheld.ONE_PERSON:
        return name, f"{some}: more than half is one person's"
    return name, f"at least {use.people_at_least}", _words(use.allowed), _words(use.refused)


def _name(use: SiteUse, names: Mapping[str, str]) -> str:
    return names.get(use.site, use.site) or "other addresses"


def _words(figure: Figure) -> str:
    if figure.withheld is not None:
        return "not shown"
    if figure.fewer_than is not None:
        return f"fewer than {figure.fewer_than}"
    return f"about {figure.about:,}" if figure.about else "none"


def _json(figure: Figure) -> dict[str, int | str | None]:
    return {"about": figure.about, "fewer_than": figure.fewer_than, "withheld": figure.withheld}


def _table(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as they need to be; a row of two cells says in its second why it has no
    more.
    """
    full = [row for row in rows if len(row) > 2]
    widths = [
        max(len(row[0]) for row in rows),
        *(max(len(row[i]) for row in full) for i in (1, 2, 3)),
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )


def _note(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="  - ", subsequent_indent="    ")
