"""The rule language: every entry that a policy may have, each with what it is for.

The loader reads these forms, and the published JSON Schema is drawn from them. What a form cannot
say by itself (two sites with one domain, a purpose for a pupil) is checked in `rules.checks`.
"""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from rules.faults import Spot
from rules.hours import Window, parse_window
from rules.paths import PathPattern
from rules.readers import (
    parse_address,
    parse_email,
    parse_host,
    parse_timezone,
)
from rules.records import Record, optional, required
from rules.request import Role
from rules.shapes import (
    Choice,
    Kept,
    ListOf,
    MapOf,
    Name,
    Parsed,
    Placed,
    Text,
)
from rules.site_forms import DATE, SITES, SiteForm
from rules.sites import Action

LONG = Text(most=4000)


class UnidentifiedAccess(StrEnum):
    """What a device that nobody is known to use may do on restricted sites."""

    REFUSE = "refuse"
    AS_VISITOR = "as-visitor"


@dataclass(frozen=True, kw_only=True)
class ContactForm:
    name: str = required(Text(), "the person's name.")
    email: str = required(Parsed(parse_email, "an e-mail address"), "where to write to them.")
    phone: str = optional(Text(), "their telephone number, in quotes.", "")
    title: str = optional(Text(), "what they are called at the school, if not the usual.", "")


@dataclass(frozen=True, kw_only=True)
class ContactsForm:
    head: ContactForm = required(Record(ContactForm, "a contact"), "the head teacher.")
    senior_teacher: ContactForm = required(
        Record(ContactForm, "a contact"), "who stands in for the head teacher."
    )
    chair: ContactForm = required(Record(ContactForm, "a contact"), "the chair of governors.")
    it: ContactForm = required(Record(ContactForm, "a contact"), "who looks after the computers.")


@dataclass(frozen=True, kw_only=True)
class SchoolForm:
    name: str = required(Text(), "the school's full name.")
    contacts: ContactsForm = required(Record(ContactsForm, "the contacts"), "whom people may ask.")
    timezone: ZoneInfo = optional(
        Parsed(parse_timezone, "a time zone"),
        "the local time of all rules.",
        ZoneInfo("Europe/London"),
    )


@dataclass(frozen=True, kw_only=True)
class ClauseForm:
    heading: str = required(Text(), "the heading it stands under in the policy.")
    text: str = required(LONG, "the policy's own words.")


@dataclass(frozen=True, kw_only=True)
class PersonForm:
    name: str = required(Text(), "the person's name.")
    role: Role = required(Choice(Role, "a role"), "what the person is to the school.")
    groups: tuple[str, ...] = optional(
        ListOf(Name("group", refers=False), "groups"), "the groups the person is in.", ()
    )
    addresses: tuple[Placed[str], ...] = optional(
        ListOf(Kept(Parsed(parse_address, "an IP address")), "IP addresses"),
        "fixed IP addresses that only this person uses.",
        (),
    )
    spot: Spot = field(default=Spot("", 0))


@dataclass(frozen=True, kw_only=True)
class CategoryForm:
    name: str = required(Text(), "what one such site is called, as in 'social networking site'.")
    sites: tuple[str, ...] = optional(
        ListOf(Name("site"), "sites"), "sites that belong to it, besides those that say so.", ()
    )


@dataclass(frozen=True, kw_only=True)
class PurposeForm:
    title: str = required(Text(), "the school purpose in a few words.")
    who: tuple[Placed[str], ...] = required(
        ListOf(Kept(Name("who")), "people, groups or roles"), "people, groups, roles, or staff."
    )
    sites: tuple[str, ...] = required(ListOf(Name("site"), "sites"), "the sites it opens.")
    paths: tuple[Placed[PathPattern], ...] = optional(
        ListOf(Kept(Parsed(PathPattern.parse, "a path")), "paths"),
        "the parts of the sites it opens.",
        (),
    )
    actions: tuple[Action, ...] = optional(
        ListOf(Choice(Action, "an action"), "actions"), "what may be done there.", ()
    )
    when: tuple[Placed[Window], ...] = optional(
        ListOf(Kept(Parsed(parse_window, "days and hours")), "days and hours", single=True),
        "days and hours, as in 'Mon-Fri 08:30-15:45'.",
        (),
    )
    owner: str = required(Name("person"), "who answers for it.")
    review: date = required(DATE, "the day by which the school looks at it again.")
    until: date | None = optional(DATE, "the last day it holds.", None)
    clause: str | None = optional(Name("clause"), "the clause it rests on.", None)
    spot: Spot = field(default=Spot("", 0))


@dataclass(frozen=True, kw_only=True)
class UnidentifiedForm:
    access: UnidentifiedAccess = optional(
        Choice(UnidentifiedAccess, "an answer"),
        "what a device may do on restricted sites while nobody is known to use it.",
        UnidentifiedAccess.REFUSE,
    )


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


@dataclass(frozen=True, kw_only=True)
class PolicyForm:
    school: SchoolForm | None = required(
        Record(SchoolForm, "the school"), "the school's name and contacts."
    )
    clauses: dict[str, ClauseForm] | None = required(
        MapOf(Record(ClauseForm, "a clause"), "clause", "clauses"), "the policy's own words."
    )
    people: dict[str, PersonForm] | None = required(
        MapOf(Record(PersonForm, "a person"), "person", "people"), "the people the rules are about."
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
    essentials: tuple[str, ...] = optional(
        ListOf(Parsed(parse_host, "a host name"), "host names"),
        "what stays open to a person whose web access is withdrawn.",
        (),
    )
    reasons: ReasonsForm = optional(
        Record(ReasonsForm, "reasons by outcome"), "how the answers are worded.", ReasonsForm()
    )


POLICY = Record(PolicyForm, "a policy", partial=True)
