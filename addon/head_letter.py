"""The mail with the day's head: what the line is, why to keep it, and what to do with it.

It is for somebody who knows nothing of computers, and names nobody.
"""

from __future__ import annotations

from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from rules.policy import Policy

_WORDS = """\
To the Chair of Governors of {school}

Please keep this mail. There is nothing else that you have to do today.

This line is the seal of the record that the school's web gate keeps, as it was on {day}
at {time} UTC:

{head}

What it is
----------
The gate keeps a record of what it decided about social networking sites. Whatever is added to that
record is sealed, and each seal depends on all that came before it. The line above is the newest
seal: its number, and a kind of fingerprint of the whole record up to there. Nobody can read
anything about a person out of it.

Why to keep it
--------------
If somebody changes the record later, or cuts the newest part of it off, its fingerprint becomes
another one. Whoever runs the gate's computer could make up new seals to hide that, but cannot
change what is in your mailbox. That is why the line is sent to you.

What to do with it
------------------
Whenever you want to know whether the record is still as it was, have this typed at the gate's
computer while you watch:

schoolgate record verify --head {head}

The answer should begin with the words 'The record is whole'. If it says that the record is NOT as
it was written, keep all of these mails, and have somebody from outside the school look into it.
The newest mails are the ones to use: what is kept long enough is removed from the record by the
school's own rules, and the answer says so of a line from before that.

A program wrote this mail, and nobody reads an answer to it. Ask {contact} about it.
"""


def letter(
    head: str, sealed: datetime, policy: Policy, sender: str, to: str, now: datetime
) -> EmailMessage:
    """The mail with a head that was sealed at a moment (as `now`, aware UTC).

    The same head on the same day is the same mail, by its Message-ID, so that a mailbox can tell if
    a gate that died while it was sending sends it once more. Raises ValueError, with the address,
    for one that cannot be.
    """
    contacts, school = policy.school.contacts, policy.school
    mail = EmailMessage(policy=SMTP)
    day = f"{sealed:%-d %B %Y}"
    mail["From"] = _address("Schoolgate", sender)
    known = {contacts.chair.email: contacts.chair.role}
    mail["To"] = _address(known.get(to, ""), to)
    mail["Subject"] = f"Please keep: the seal of the web gate's record, {day}"
    mail["Date"] = format_datetime(now)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no reply when away
    number, _, digest = head.partition(":")
    mail["Message-ID"] = f"<head.{number}.{digest[:32]}.{now:%Y%m%d}@{sender.rpartition('@')[2]}>"
    text = _WORDS.format(
        school=school.name,
        day=day,
        time=f"{sealed:%H:%M}",
        head=head,
        contact=contacts.it.role,
    )
    # As it is, where it can be: the line must not be cut in two, even for who looks at the source.
    mail.set_content(text, cte="7bit" if text.isascii() else "quoted-printable")
    return mail


def _address(name: str, address: str) -> Address:
    try:
        return Address(name, addr_spec=address)
    # Its parser stumbles over some of what it does not take.
    except (HeaderParseError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(address) from error
