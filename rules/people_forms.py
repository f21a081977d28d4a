"""The forms of the school, its contacts and its people."""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from rules import editor_patterns
from rules.faults import Spot
from rules.readers import (
    parse_account,
    parse_address,
    parse_email,
    parse_hardware_address,
    parse_timezone,
)
from rules.reading import Placed
from rules.records import Record, optional, required
from rules.request import Role
from rules.shapes import Choice, Kept, ListOf, Name, Parsed, Text


@dataclass(frozen=True, kw_only=True)
class ContactForm:
    name: str = required(Text(), "the person's name.")
    email: str = required(
        Parsed(parse_email, "an e-mail address", pattern=editor_patterns.EMAIL),
        "where to write to them.",
    )
    phone: str = optional(Text(), "their telephone number, in quotes.", "")
    title: str = optional(Text(), "what they are called at the school, if not the usual.", "")


CONTACT = Record(ContactForm, "a contact")


@dataclass(frozen=True, kw_only=True)
class ContactsForm:
    head: ContactForm = required(CONTACT, "the head teacher.")
    senior_teacher: ContactForm = required(CONTACT, "who stands in for the head teacher.")
    chair: ContactForm = required(CONTACT, "the chair of governors.")
    it: ContactForm = required(CONTACT, "who looks after the computers.")


@dataclass(frozen=True, kw_only=True)
class SchoolForm:
    name: str = required(Text(), "the school's full name.")
    contacts: ContactsForm = required(Record(ContactsForm, "the contacts"), "whom people may ask.")
    timezone: ZoneInfo = optional(
        Parsed(parse_timezone, "a time zone", pattern=editor_patterns.TIMEZONE),
        "the local time of all rules.",
        ZoneInfo("Europe/London"),
    )


@dataclass(frozen=True, kw_only=True)
class GroupForm:
    title: str = required(Text(), "what the group is called.")
    spot: Spot = field(default=Spot("", 0))


@dataclass(frozen=True, kw_only=True)
class PersonForm:
    name: str = required(Text(), "the person's name.")
    role: Role = required(Choice(Role, "a role"), "what the person is to the school.")
    groups: tuple[str, ...] = optional(
        ListOf(Name("group", refers=False), "groups"), "the groups the person is in.", ()
    )
    addresses: tuple[Placed[str], ...] = optional(
        ListOf(
            Kept(Parsed(parse_address, "an IP address", pattern=editor_patterns.ADDRESS)),
            "IP addresses",
        ),
        "fixed IP addresses that only this person uses.",
        (),
    )
    devices: tuple[Placed[str], ...] = optional(
        ListOf(
            Kept(
                Parsed(
                    parse_hardware_address,
                    "a device's address",
                    pattern=editor_patterns.HARDWARE_ADDRESS,
                )
            ),
            "devices",
        ),
        "hardware (MAC) addresses of devices that only this person uses.",
        (),
    )
    accounts: tuple[Placed[str], ...] = optional(
        ListOf(
            Kept(Parsed(parse_account, "an account name", pattern=editor_patterns.ACCOUNT)),
            "account names",
        ),
        "what the person signs in as, where that is not their short name here.",
        (),
    )
    spot: Spot = field(default=Spot("", 0))
