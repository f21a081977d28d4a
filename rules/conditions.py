"""Conditions of a rule, each a small value that can say whether it holds, and if not, why not.

A new kind of condition is a new class here and an entry in the language; nothing else changes.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Protocol

from rules.days import Calendar
from rules.hours import DAYS, clock
from rules.paths import PathCover, PathPattern, plain_path
from rules.request import STAFF, Person, Role, WebRequest
from rules.sites import Action, Site
from rules.spans import Span, in_words

# Nobody can look at a page without finding it and signing in; a purpose to view is one to do these.
_PART_OF_VIEWING = frozenset({Action.SEARCH, Action.SIGN_IN})


@dataclass(slots=True, eq=False)
class Asked:
    """One question to the rules: who asks for what on which site, and the school's local time.

    `plain` is the request's path made plain (see `rules.paths`), None where it is not known or not
    certain. It is not frozen, because one is made for every request and freezing takes three times
    as long; nothing changes it.
    """

    request: WebRequest
    site: Site
    person: Person
    local: datetime
    plain: str | None

    @classmethod
    def about(cls, request: WebRequest, site: Site, person: Person, local: datetime) -> "Asked":
        """Put a question, with what is derived from it."""
        path = request.path
        return cls(request, site, person, local, None if path is None else plain_path(path))


class Condition(Protocol):
    """One thing that has to be so for a rule to fit.

    `timed` says that it looks at the local time alone, down to the minute, and at nothing else.
    """

    timed: ClassVar[bool]

    def holds(self, asked: Asked) -> bool:
        """Say whether it is so."""

    def why_not(self, asked: Asked) -> str:
        """Say in words for a person why it is not so, as the end of 'it did not fit: …'."""


@dataclass(frozen=True, slots=True)
class ForPeople:
    """The person is named, is in a named group, or has a named role. Never a pupil."""

    timed: ClassVar[bool] = False
    people: frozenset[str]
    groups: frozenset[str]
    roles: frozenset[Role]

    @classmethod
    def named(cls, words: frozenset[str], people: frozenset[str]) -> "ForPeople":
        """Sort the words of a `who` into people, roles (`staff` is four of them) and groups."""
        roles = {Role(word) for word in words if word in set(Role)}
        if "staff" in words:
            roles |= STAFF
        return cls(words & people, words - people - set(Role) - {"staff"}, frozenset(roles))

    def holds(self, asked: Asked) -> bool:
        return self.covers(asked.person)

    def covers(self, person: Person) -> bool:
        """Say whether it is for this person."""
        return person.role != Role.PUPIL and (
            person.id in self.people
            or not self.groups.isdisjoint(person.groups)
            or person.role in self.roles
        )

    def why_not(self, asked: Asked) -> str:
        return "it is for other people"


@dataclass(frozen=True, slots=True)
class OnSite:
    """The site is one of these; `names` are for the explanation."""

    timed: ClassVar[bool] = False
    sites: frozenset[str]
    names: str

    def holds(self, asked: Asked) -> bool:
        return asked.site.id in self.sites

    def why_not(self, asked: Asked) -> str:
        return f"it is for {self.names}, not for {asked.site.name}"


@dataclass(frozen=True, slots=True)
class OnPath:
    """The path is known and one of the patterns covers it."""

    timed: ClassVar[bool] = False
    patterns: tuple[PathPattern, ...]
    _cover: PathCover = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cover", PathCover(self.patterns))

    def holds(self, asked: Asked) -> bool:
        plain = asked.plain
        return plain is not None and self._cover.covers(asked.request.host, plain)

    def why_not(self, asked: Asked) -> str:
        # The first names the part that people know; the rest are what that part fetches by itself.
        return f"it is only for part of the site, {self.patterns[0].text}"


@dataclass(frozen=True, slots=True)
class During:
    """The school's local time lies in one of the spans, as its calendar explains them."""

    timed: ClassVar[bool] = True
    spans: tuple[Span, ...]
    calendar: Calendar | None = None

    def holds(self, asked: Asked) -> bool:
        return any(span.holds(asked.local, self.calendar) for span in self.spans)

    def why_not(self, asked: Asked) -> str:
        now = asked.local
        minute = clock(now.hour * 60 + now.minute)
        day = DAYS[now.weekday()]
        if self.calendar is not None and any(span.needs_calendar for span in self.spans):
            kind = self.calendar.kind(now.date())
            day = f"{day} {minute}, {kind.with_article}"
        else:
            day = f"{day} {minute}"
        return f"it is for {in_words(self.spans)}, and it is {day}"


@dataclass(frozen=True, slots=True)
class Doing:
    """What the request does is one of these."""

    timed: ClassVar[bool] = False
    actions: frozenset[Action]

    def holds(self, asked: Asked) -> bool:
        if asked.plain is None and asked.request.path is not None:
            return False  # a path that servers read in two ways may be any endpoint's
        action = asked.site.action(asked.request.method, asked.request.host, asked.request.path)
        if action in _PART_OF_VIEWING and Action.VIEW in self.actions:
            return True
        return action in self.actions

    def why_not(self, asked: Asked) -> str:
        action = asked.site.action(asked.request.method, asked.request.host, asked.request.path)
        return f"it is for: {', '.join(sorted(self.actions))}; this is: {action}"


@dataclass(frozen=True, slots=True)
class Until:
    """The last day has not passed."""

    timed: ClassVar[bool] = True
    last: date

    def holds(self, asked: Asked) -> bool:
        return asked.local.date() <= self.last

    def why_not(self, asked: Asked) -> str:
        return f"it ended on {self.last.day} {self.last:%B %Y}"
