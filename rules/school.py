"""The school itself: its name, its clock, whom to ask, and its policy's own words."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone to turn to. `phone` may be empty."""

    name: str
    role: str
    email: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Contacts:
    """The four that the policy needs; the senior teacher stands in for the head."""

    head: Contact
    senior_teacher: Contact
    chair: Contact
    it: Contact


@dataclass(frozen=True, slots=True)
class School:
    """The school. Rules and reports are in its `timezone`; the record is in UTC."""

    name: str
    timezone: ZoneInfo
    contacts: Contacts


@dataclass(frozen=True, slots=True)
class Clause:
    """A passage of the school's policy, as reasons quote it."""

    id: str
    heading: str
    text: str
