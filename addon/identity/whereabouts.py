"""Which device is at which address, from the neighbour table and from leases.

Addresses come and go on one device (IPv6 makes new ones daily), and an address moves from device to
device. The newest sighting of an address counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

KEPT: Final = timedelta(hours=24)
"""How long a sighting is remembered."""

_LATELY: Final = timedelta(minutes=10)
_MOST_IPV4: Final = 2
_MOST_AT_ONCE: Final = 32
_MOST_OF_ONE: Final = 64
"""Addresses of one device that are remembered: it can make up IPv6 addresses without end."""

_MOST: Final = 50_000
"""Addresses that are remembered in all, the newest: a device can make itself up, too."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device at an address; `at` is when, aware UTC. `heard`: it is only the device's word."""

    hardware: str
    at: datetime
    heard: bool = False


class Whereabouts:
    """The newest sighting of each address."""

    def __init__(self) -> None:
        self._devices: dict[str, Sighting] = {}
        self._addresses: dict[str, dict[str, datetime]] = {}

    def see(self, address: str, hardware: str, at: datetime, *, heard: bool = False) -> str | None:
        """Takes in a sighting. Gives back the device that was at the address until now, if another.

        A sighting older than the one known changes nothing, nor does one that was only heard of
        while another device was lately seen there.
        """
        known = self._devices.get(address)
        if known and known.at > at:
            return None
        if heard and known and not known.heard and at - known.at < _LATELY:
            return None
        if known and known.hardware != hardware:
            self._drop(address, known.hardware)
        self._devices.pop(address, None)
        self._devices[address] = Sighting(hardware, at, heard)
        found = self._addresses.setdefault(hardware, {})
        found.pop(address, None)
        found[address] = at
        if len(found) > _MOST_OF_ONE:
            self._forget(next(iter(found)))
        if len(self._devices) > _MOST:
            self._forget(next(iter(self._devices)))
        return known.hardware if known and known.hardware != hardware else None

    def device_at(self, address: str) -> Sighting | None:
        """The device at an address, as far as is known."""
        return self._devices.get(address)

    def addresses_of(self, hardware: str) -> list[str]:
        """The addresses of a device, unless several devices seem to hide behind it."""
        found = self._addresses.get(hardware)
        if not found or self.is_crowded(hardware):
            return []
        return list(found)

    def is_crowded(self, hardware: str) -> bool:
        """Whether more addresses were lately at a device than one device has.

        A router, or an access point that answers for others, is not whose it seems. And a device
        that runs through addresses would fill the record with them.
        """
        found = self._addresses.get(hardware, {})
        if len(found) <= _MOST_IPV4:
            return False
        newest = max(found.values())
        lately = [a for a, at in found.items() if newest - at < _LATELY]
        if len(lately) > _MOST_AT_ONCE:
            return True
        return sum(ip_address(address).version == 4 for address in lately) > _MOST_IPV4

    def forget_before(self, at: datetime) -> None:
        """Forgets sightings older than `at`."""
        for address, seen in list(self._devices.items()):
            if seen.at < at:
                self._forget(address)

    def move_back(self, by: timedelta) -> None:
        """The clock was set back: what was just seen must not lie in the future."""
        for address, seen in self._devices.items():
            self._devices[address] = replace(seen, at=seen.at - by)
        for found in self._addresses.values():
            for address in found:
                found[address] -= by

    def _forget(self, address: str) -> None:
        self._drop(address, self._devices.pop(address).hardware)

    def _drop(self, address: str, hardware: str) -> None:
        found = self._addresses[hardware]
        del found[address]
        if not found:
            del self._addresses[hardware]
