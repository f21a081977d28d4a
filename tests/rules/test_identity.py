"""How people are known: what the policy may say, and what an account name means."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from rules.faults import PolicyError
from rules.identity import (
    Disagreement,
    Identity,
    LeaseFile,
    LeaseFormat,
    Radius,
    RadiusClient,
    Signature,
    Source,
    is_randomised,
)
from rules.lint import lint
from rules.policy import Policy

Load = Callable[..., Policy]
WHOLE = {
    "sources": ["sign-in", "radius", "lease", "device", "address"],
    "when-sources-disagree": "first",
    "realms": ["SCHOOL", "school.example"],
    "shared": ["10.0.0.50", "A4-5E-60-00-00-09"],
    "radius": {
        "listen": "10.0.0.1:1813",
        "clients": {
            "wifi": {"addresses": ["10.9.0.0/24", "fd00::9"]},
            "trust": {"addresses": ["10.8.0.1"], "message-authenticator": "needed"},
        },
    },
    "leases": [{"file": "/var/lib/misc/dnsmasq.leases", "format": "dnsmasq"}],
    "sign-in": {"lasts": "4 hours"},
}


def faults_of(load: Load, policy: dict[str, Any]) -> str:
    with pytest.raises(PolicyError) as caught:
        load(policy)
    return str(caught.value)


def test_without_a_word_the_addresses_and_devices_of_people_are_gone_by(
    load: Load, policy: dict[str, Any]
) -> None:
    identity = load(policy).identity
    assert identity.sources == (Source.ADDRESS, Source.DEVICE)
    assert identity.disagreement is Disagreement.NOBODY
    assert identity.sign_in_lasts == timedelta(hours=8)
    assert identity.radius is None


def test_every_entry_is_read(load: Load, policy: dict[str, Any]) -> None:
    policy["identity"] = WHOLE
    policy["people"]["a.larch"]["accounts"] = ["Ash", "larch.a"]
    identity = load(policy).identity
    people = {name: name for name in policy["people"]}
    assert identity == Identity(
        (Source.SIGN_IN, Source.RADIUS, Source.LEASE, Source.DEVICE, Source.ADDRESS),
        Disagreement.FIRST,
        frozenset({"school", "school.example"}),
        frozenset({"10.0.0.50", "a4:5e:60:00:00:09"}),
        Radius(
            "10.0.0.1",
            1813,
            (
                RadiusClient("wifi", (ip_network("10.9.0.0/24"), ip_network("fd00::9"))),
                RadiusClient("trust", (ip_network("10.8.0.1"),), Signature.NEEDED),
            ),
        ),
        (LeaseFile("/var/lib/misc/dnsmasq.leases", LeaseFormat.DNSMASQ),),
        timedelta(hours=4),
        {**people, "ash": "a.larch", "larch.a": "a.larch"},
    )


def test_radius_is_listened_for_on_every_address_if_nothing_is_said(
    load: Load, policy: dict[str, Any]
) -> None:
    clients = {"wifi": {"addresses": ["10.9.0.1"]}}
    policy["identity"] = {"sources": ["radius"], "radius": {"clients": clients}}
    radius = load(policy).identity.radius
    assert radius is not None
    assert (radius.host, radius.port) == ("::", 1813)


@pytest.mark.parametrize(
    ("account", "person"),
    [
        ("fern", "f.example"),
        ("FERN ", "f.example"),
        ("f.example", "f.example"),
        ("SCHOOL\\fern", "f.example"),
        ("fern@School.Example", "f.example"),
        ("f.e@school.example", "f.example"),  # a whole account name, realm and all
        ("fern@elsewhere.example", None),
        ("ELSEWHERE\\fern", None),
        ("anonymous@school.example", None),
        ("host/pc7.school.example", None),
        ("", None),
        ("@school.example", None),
    ],
)
def test_an_account_is_a_persons_where_its_realm_is_the_schools(
    account: str, person: str | None
) -> None:
    accounts = {"fern": "f.example", "f.example": "f.example", "f.e@school.example": "f.example"}
    identity = Identity(realms=frozenset({"school", "school.example"}), accounts=accounts)
    assert identity.person_of(account) == person


@pytest.mark.parametrize(
    ("sources", "devices", "listens"),
    [
        (["address"], False, False),
        (["address", "device"], False, False),
        (["address", "device"], True, True),
        (["address", "proxy-sign-in"], True, False),
        (["sign-in", "address"], False, True),
    ],
)
def test_something_is_watched_only_where_a_source_needs_it(
    load: Load, policy: dict[str, Any], sources: list[str], devices: bool, listens: bool
) -> None:
    policy["identity"] = {"sources": sources}
    if devices:
        policy["people"]["b.pine"]["devices"] = ["a4:5e:60:01:02:03"]
    loaded = load(policy)
    assert loaded.identity.listens(loaded.devices) is listens


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"sources": ["radius"]}, "The source 'radius' needs 'radius:', and there is none."),
    ({"sources": ["lease"]}, "The source 'lease' needs 'leases:', and there is none."),
    ({"sources": ["device", "device"]}, "'device' is here twice."),
    ({"sources": ["guess"]}, "'guess' is not a source."),
    ({**WHOLE, "sources": ["radius"]}, "'lease' is not among the sources."),
    ({"shared": ["10.0.0.7"]}, "10.0.0.7 is shared, and is also given to a.larch alone."),
    ({"shared": ["the office"]}, "'the office' is neither an IP address nor a hardware address"),
    ({"realms": ["a b"]}, "'a b' is not a realm"),
    ({**WHOLE, "radius": {**WHOLE["radius"], "listen": "1813"}}, "is not an address and a port"),
    ({**WHOLE, "radius": {**WHOLE["radius"], "listen": "10.0.0.1:0"}}, "not an address and a port"),
    ({**WHOLE, "radius": {**WHOLE["radius"], "listen": "[:1]:7"}}, "not an address and a port"),
    ({"sign-in": {"lasts": "3 days"}}, "is not a number of minutes or hours within one day."),
]


@pytest.mark.parametrize(("identity", "fault"), FAULTS)
def test_what_cannot_work_is_a_fault(
    load: Load, policy: dict[str, Any], identity: dict[str, Any], fault: str
) -> None:
    policy["identity"] = identity
    assert fault in faults_of(load, policy)


def test_an_account_belongs_to_one_person(load: Load, policy: dict[str, Any]) -> None:
    policy["people"]["a.larch"]["accounts"] = ["ash", "B.Pine"]
    policy["people"]["b.pine"]["accounts"] = ["ASH"]
    said = faults_of(load, policy)
    assert "ash is already an account of a.larch." in said
    assert "b.pine is already an account of b.pine." in said


@pytest.mark.parametrize("account", ["SCHOOL\\ash", "two words", "host/pc"])
def test_an_account_is_a_name_alone(load: Load, policy: dict[str, Any], account: str) -> None:
    policy["people"]["a.larch"]["accounts"] = [account]
    assert "is not an account name" in faults_of(load, policy)


def test_an_address_that_a_device_made_up_is_told_by_its_second_bit() -> None:
    assert [is_randomised(f"{first}:00:00:00:00:01") for first in ("02", "a4", "a6", "00")] == [
        True,
        False,
        True,
        False,
    ]


def test_a_device_with_a_made_up_address_is_asked_about(load: Load, policy: dict[str, Any]) -> None:
    policy["people"]["a.larch"]["devices"] = ["a6:5e:60:01:02:03", "a4:5e:60:01:02:03"]
    loaded = load(policy)
    said = [
        note for note in lint(loaded, loaded.purposes[0].review) if "made its address" in str(note)
    ]
    assert len(said) == 1
    assert "a6:5e:60:01:02:03" in said[0].fault
