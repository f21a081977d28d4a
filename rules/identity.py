"""How the school knows who is at a device: its sources, in order of trust, and their terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from rules.sites import Network


class Source(StrEnum):
    """Where it is known from who is at an address."""

    ADDRESS = "address"
    DEVICE = "device"
    LEASE = "lease"
    RADIUS = "radius"
    LOGON = "logon"
    SIGN_IN = "sign-in"
    PROXY_SIGN_IN = "proxy-sign-in"


def is_randomised(hardware: str) -> bool:
    """Say whether a hardware address, `a2:5e:60:01:02:03`, is one that a device made up itself.

    Such an address is 'locally administered' (IEEE 802, section 8.4): the bit of value two is set
    in its first byte. Telephones change theirs, so it tells less about who it is.
    """
    return bool(int(hardware[:2], 16) & 2)


PERSONAL = frozenset({Source.LOGON, Source.SIGN_IN, Source.PROXY_SIGN_IN})
"""Sources that saw a person prove who they are at the device: the only ones for a shared one.

The network's own (RADIUS) is not among them: a device remembers whoever joined it to the Wi-Fi.
"""


class Disagreement(StrEnum):
    """What holds while sources that are sure enough name different people."""

    NOBODY = "nobody"
    FIRST = "first"


class LeaseFormat(StrEnum):
    """Whose file of DHCP leases it is."""

    DNSMASQ = "dnsmasq"
    ISC = "isc"
    KEA = "kea"


class Signature(StrEnum):
    """Whether a RADIUS client's packets need a Message-Authenticator (RFC 3579, 3.2)."""

    CHECKED = "checked"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class RadiusClient:
    """An access point, controller or RADIUS server that reports who joined. Its secret is not here.

    The file `secrets/radius.NAME` in the state folder holds it, readable by its owner alone.
    """

    name: str
    networks: tuple[Network, ...]
    signature: Signature = Signature.CHECKED


@dataclass(frozen=True, slots=True)
class Radius:
    """The listener for RADIUS accounting: host, port, and who may report."""

    host: str
    port: int
    clients: tuple[RadiusClient, ...]


@dataclass(frozen=True, slots=True)
class LeaseFile:
    """A file that a DHCP server keeps its leases in."""

    path: str
    format: LeaseFormat


@dataclass(frozen=True, slots=True)
class Identity:
    """The terms. `sources` is in order of trust; `shared` are IP and hardware addresses."""

    sources: tuple[Source, ...] = (Source.ADDRESS, Source.DEVICE)
    disagreement: Disagreement = Disagreement.NOBODY
    realms: frozenset[str] = frozenset()  # lower case
    shared: frozenset[str] = frozenset()
    radius: Radius | None = None
    leases: tuple[LeaseFile, ...] = ()
    sign_in_lasts: timedelta = timedelta(hours=8)
    accounts: Mapping[str, str] = field(default_factory=dict)  # lower case -> person id

    def listens(self, devices: Mapping[str, str]) -> bool:
        """Say whether anything has to be watched to know who is where; `devices` are the policy's.

        Fixed addresses need no watching, and a sign-in to the proxy is the proxy's own matter.
        """
        still = {Source.ADDRESS, Source.PROXY_SIGN_IN}
        if not devices:
            still.add(Source.DEVICE)
        return not still.issuperset(self.sources)

    def person_of(self, account: str) -> str | None:
        """Give the person id behind an account name; None for a stranger's or another school's.

        `SCHOOL\\fern` and `fern@school.example` count where the policy lists their realm: a name
        alone would take a guest from elsewhere for one of the school's people.
        """
        name, realm = account.strip().lower(), ""
        if "\\" in name:
            realm, _, name = name.partition("\\")
        elif "@" in name and name not in self.accounts:
            name, _, realm = name.rpartition("@")
        if realm and realm not in self.realms:
            return None
        return self.accounts.get(name)
