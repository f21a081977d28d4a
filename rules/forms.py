"""The rule language: every entry that a policy may have, each with what it is for.

The loader reads these forms, and the published JSON Schema is drawn from them. What a form cannot
say by itself (two sites with one domain, a purpose for a pupil) is checked in `rules.checks`.
"""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from rules import editor_patterns
from rules.care_forms import TESTS, CalendarForm, CasesForm, RetentionForm, TrialForm
from rules.faults import Spot
from rules.identity_forms import IDENTITY, IdentityForm
from rules.people_forms import GroupForm, PersonForm, SchoolForm
from rules.purpose_forms import DATE, DeclaredForm, PurposeForm
from rules.readers import parse_host
from rules.reading import Placed
from rules.records import Record, optional, required
from rules.shapes import Choice, Kept, ListOf, MapOf, Name, Number, Parsed, Text
from rules.site_forms import SITES, SiteForm

LONG = Text(most=4000)
PEOPLE = MapOf(Record(PersonForm, "a person"), "person", "people")


class UnidentifiedAccess(StrEnum):
    """What a device that nobody is known to use may do on restricted sites."""

    REFUSE = "refuse"
    AS_VISITOR = "as-visitor"


@dataclass(frozen=True, kw_only=True)
class ClauseForm:
    heading: str = required(Text(), "the heading it stands under in the policy.")
    text: str = required(LONG, "the policy's own words.")


@dataclass(frozen=True, kw_only=True)
class CategoryForm:
    name: str = required(Text(), "what one such site is called, as in 'social networking site'.")
    sites: tuple[str, ...] = optional(
        ListOf(Name("site"), "sites"), "sites that belong to it, besides those that say so.", ()
    )


class ListedPathsUse(StrEnum):
    """What becomes of a list's paths: `example.com/page`."""

    IGNORED = "ignored"
    DECRYPTED = "decrypted"


@dataclass(frozen=True, kw_only=True)
class ListForm:
    name: str = required(Text(), "what a site on it is called, as in 'A dating site'.")
    categories: tuple[str, ...] = required(
        ListOf(Name("category", refers=False), "categories"), "what kind of sites they are."
    )
    source: str = optional(Text(most=500), "where the list is from.", "")
    paths: ListedPathsUse = optional(
        Choice(ListedPathsUse, "an answer"),
        "whether sites of which it names single pages are decrypted to see which page is asked.",
        ListedPathsUse.IGNORED,
    )
    spot: Spot = field(default=Spot("", 0))


@dataclass(frozen=True, kw_only=True)
class UnidentifiedForm:
    access: UnidentifiedAccess = optional(
        Choice(UnidentifiedAccess, "an answer"),
        "what a device may do on restricted sites while nobody is known to use it.",
        UnidentifiedAccess.REFUSE,
    )
    confidence: int = optional(
        Number(0, 100, "a number from 0 to 100"),
        "how sure the gate has to be who it is, from 0 to 100, to count a person as known.",
        50,
    )
    spot: Spot = field(default=Spot("", 0))


@dataclass(frozen=True, kw_only=True)
class ReasonForm:
    clause: str | None = optional(Name("clause"), "the clause to quote.", None)
    text: Placed[str] | None = optional(
        Kept(LONG), "the wording; {site}, {kind}, {purpose} and {until} are filled in.", None
    )


def _reason(doc: str) -> ReasonForm | None:
    return optional(Record(ReasonForm, "a reason"), doc, None)


@dataclass(frozen=True, kw_only=True)
class ReasonsForm:
    """The names are those of the outcomes in `rules.decision`."""

    purpose: ReasonForm | None = _reason("opened: a standing purpose covers it.")
    grant: ReasonForm | None = _reason("opened: the person has a grant.")
    no_purpose: ReasonForm | None = _reason("refused: no purpose covers it.")
    unidentified: ReasonForm | None = _reason("refused: nobody is known to use the device.")
    withdrawn: ReasonForm | None = _reason("refused: the person's web access is withdrawn.")
    mismatch: ReasonForm | None = _reason("refused: the request names two different sites.")
    malformed: ReasonForm | None = _reason("refused: the request breaks the rules of the web.")
    nameless: ReasonForm | None = _reason("refused: the request names no site.")
    internal_error: ReasonForm | None = _reason("refused: something went wrong in the gate.")
    record_unavailable: ReasonForm | None = _reason("refused: it could not be put on record.")
    record_full: ReasonForm | None = _reason("refused: the record has no room left.")
    app_refused: ReasonForm | None = _reason("refused: the app will not have our certificate.")
    no_certificate: ReasonForm | None = _reason("refused: our certificate does not cover it yet.")


@dataclass(frozen=True, kw_only=True)
class PolicyForm:
    school: SchoolForm | None = required(
        Record(SchoolForm, "the school"), "the school's name and contacts."
    )
    clauses: dict[str, ClauseForm] | None = required(
        MapOf(Record(ClauseForm, "a clause"), "clause", "clauses"), "the policy's own words."
    )
    people: dict[str, PersonForm] | None = optional(
        PEOPLE,
        "the people the rules are about.",
        None,
    )
    people_from: tuple[str, ...] = optional(
        ListOf(Text("a file name"), "file names"),
        "CSV files with people: id, name, role, groups, addresses, devices, accounts.",
        (),
    )
    include: tuple[str, ...] = optional(
        ListOf(Text("a file name"), "file names"), "other files of this policy.", ()
    )
    groups: dict[str, GroupForm] = optional(
        MapOf(Record(GroupForm, "a group"), "group", "groups"), "what the groups are called.", {}
    )
    calendar: CalendarForm | None = optional(
        Record(CalendarForm, "the school year"), "terms, INSET days and directed time.", None
    )
    restricted: tuple[Placed[str], ...] | None = required(
        ListOf(Kept(Name("restricted")), "categories or sites"),
        "the categories and sites that open only for a school purpose.",
    )
    purposes: dict[str, PurposeForm] = optional(
        MapOf(Record(PurposeForm, "a purpose"), "purpose", "purposes"),
        "the school purposes that are open to some people for good.",
        {},
    )
    declared: dict[str, DeclaredForm] = optional(
        MapOf(Record(DeclaredForm, "a purpose"), "declared purpose", "purposes"),
        "the school purposes that people may declare for a while.",
        {},
    )
    lists: dict[str, ListForm] = optional(
        MapOf(Record(ListForm, "a list"), "site", "lists"),
        "imported lists of domains, each treated as one site.",
        {},
    )
    not_decrypted: tuple[str, ...] = optional(
        ListOf(Name("site"), "sites"),
        "sites whose apps refuse the school's certificate, judged by name alone.",
        (),
    )
    sites: dict[str, SiteForm] = optional(
        SITES, "sites of the school's own, in place of shipped ones with the same name.", {}
    )
    categories: dict[str, CategoryForm] = optional(
        MapOf(Record(CategoryForm, "a category"), "category", "categories"), "sets of sites.", {}
    )
    unidentified: UnidentifiedForm = optional(
        Record(UnidentifiedForm, "what unidentified devices may do"),
        "devices that nobody is known to use.",
        UnidentifiedForm(),
    )
    identity: IdentityForm = optional(IDENTITY, "how people are known.", IdentityForm())
    essentials: tuple[Placed[str], ...] = optional(
        ListOf(Kept(Parsed(parse_host, "a host name", pattern=editor_patterns.HOST)), "host names"),
        "what stays open to a person whose web access is withdrawn.",
        (),
    )
    retention: RetentionForm = optional(
        Record(RetentionForm, "lengths of time"), "how long records are kept.", RetentionForm()
    )
    cases: CasesForm | None = optional(
        Record(CasesForm, "how cases are authorised"), "how monitoring cases are authorised.", None
    )
    review: date | None = optional(DATE, "the day by which the policy is reviewed.", None)
    reviewed_by: str = optional(Text(), "who reviews the policy.", "")
    tests: tuple[TrialForm, ...] = optional(TESTS, "what the policy must answer.", ())
    reasons: ReasonsForm = optional(
        Record(ReasonsForm, "reasons by outcome"), "how the answers are worded.", ReasonsForm()
    )
    spot: Spot = field(default=Spot("", 0))
    unread: frozenset[str] = frozenset()


POLICY = Record(PolicyForm, "a policy")
