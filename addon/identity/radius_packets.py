"""RADIUS accounting packets (RFC 2866): checked, and what they say of a session.

A packet counts when its Request Authenticator proves the client's secret, and its
Message-Authenticator too where it has one or has to have one (RFC 3579, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from pyrad.packet import AccountingRequest, AcctPacket, PacketError  # type: ignore[import-untyped]

from rules.identity import Signature
from rules.readers import parse_hardware_address

# Attribute numbers (RFC 2865, 2866, 2869, 3162 and 6911).
_USER_NAME, _NAS_IP, _FRAMED_IP, _CALLING, _NAS_ID = 1, 4, 8, 31, 32
_STATUS, _DELAY, _SESSION, _LENGTH, _EVENT_TIME, _SIGNATURE = 40, 41, 44, 46, 55, 80
_NAS_IPV6, _FRAMED_IPV6 = 95, 168

_LONGEST = 366 * 86_400
"""Seconds that a session is taken to have lasted at most."""


class Status(IntEnum):
    """What happened (Acct-Status-Type, RFC 2866, section 5.1)."""

    START = 1
    STOP = 2
    INTERIM = 3
    ON = 7
    OFF = 8


class Refused(Exception):
    """One phrase on why a packet does not count."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a packet says. Texts and addresses are '' where it does not say.

    `nas` is the access point or controller, `session` its own name for the session; `delay` is how
    many seconds it has been trying to report, `at` its own clock (seconds since 1970) and `length`
    the seconds that the session has been going on, if told.
    """

    status: Status
    nas: str
    session: str
    user: str
    address: str
    hardware: str
    delay: int
    at: int | None
    length: int | None = None


def read_packet(data: bytes, secret: bytes, signature: Signature) -> AcctPacket:
    """The packet, if it is an accounting request that proves the secret. Raises Refused."""
    if len(data) < 20 or data[0] != AccountingRequest:
        raise Refused("it is no accounting request")
    try:
        packet = AcctPacket(packet=data, secret=secret)
    except (PacketError, IndexError, ValueError) as error:
        raise Refused("it makes no sense") from error
    if not packet.VerifyAcctRequest():
        raise Refused("its secret is not the one we have")
    if packet.message_authenticator:
        given = _raw(packet, _SIGNATURE)
        if len(given) != 1 or len(given[0]) != 16 or not packet.verify_message_authenticator():
            raise Refused("its Message-Authenticator is wrong")
    elif signature is Signature.NEEDED:
        raise Refused("it has no Message-Authenticator")
    return packet


def report_of(packet: AcctPacket) -> Report | None:
    """What a packet says; None for a status that does not concern us."""
    try:
        status = Status(_number(packet, _STATUS) or 0)
    except ValueError:
        return None
    return Report(
        status=status,
        nas=_text(packet, _NAS_ID) or _address(packet, (_NAS_IP, _NAS_IPV6)),
        session=_text(packet, _SESSION),
        user=_text(packet, _USER_NAME),
        address=_address(packet, (_FRAMED_IP, _FRAMED_IPV6)),
        hardware=_hardware(_text(packet, _CALLING)),
        delay=min(_number(packet, _DELAY) or 0, 86_400),
        at=_number(packet, _EVENT_TIME),
        length=_limited(_number(packet, _LENGTH)),
    )


def answer_to(packet: AcctPacket) -> bytes:
    """The Accounting-Response, with the Proxy-State of servers on the way (RFC 2865, 5.33)."""
    return bytes(packet.CreateReply().ReplyPacket())


def _raw(packet: AcctPacket, attribute: int) -> Sequence[bytes]:
    try:
        found: Sequence[bytes] = packet[attribute]
    except KeyError:
        return ()
    return found


def _text(packet: AcctPacket, attribute: int) -> str:
    for value in _raw(packet, attribute):
        text = value.decode("utf-8", "replace").strip("\0 ")
        return text if text.isprintable() else ""
    return ""


def _number(packet: AcctPacket, attribute: int) -> int | None:
    for value in _raw(packet, attribute):
        return int.from_bytes(value) if len(value) == 4 else None
    return None


def _limited(seconds: int | None) -> int | None:
    return None if seconds is None else min(seconds, _LONGEST)


def _address(packet: AcctPacket, attributes: Sequence[int]) -> str:
    for attribute in attributes:
        for value in _raw(packet, attribute):
            if len(value) == 4:
                number = IPv4Address(value)
                # These two ask the access server to choose (RFC 2865, section 5.8).
                if value not in (b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\0\0\0\0"):
                    return str(number)
            elif len(value) == 16:
                return str(IPv6Address(value))
    return ""


def _hardware(calling: str) -> str:
    """The device, where Calling-Station-Id is a hardware address (RFC 3580, section 3.21)."""
    with suppress(ValueError):
        return parse_hardware_address(calling)
    return ""
