"""Putting the gateway's rules in force, and undoing it.

The order is what keeps the school on the internet: the note of what is about to happen, a watchdog
that undoes it, the name server, and only then the rules, all in one transaction. Whatever fails,
what was there before is put back.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from addon.gateway import table
from addon.gateway.facts import Facts
from addon.gateway.journal import Change, Journal, write_durably
from addon.gateway.kernel_settings import (
    apply_settings,
    read_rendered,
    restore_settings,
    settings_before,
    wanted_settings,
)
from addon.gateway.machine import boot_id, find_program, version_of
from addon.gateway.memory import Memory
from addon.gateway.name_server import NameServer, NameServerError
from addon.gateway.nftables import FAMILY, TABLE, TABLE_FILE, render_elements, render_sets
from addon.gateway.rendering import FACTS_FILE, NAME_SERVER_FILE, SETTINGS_FILE
from addon.gateway.routing import RoutingError, route, unroute
from addon.gateway.standing import KERNEL_TABLE, Stand
from addon.gateway.table import TableError
from addon.gateway.watching import NoWatchdog, set_watchdog


class GatewayError(Exception):
    """Why a change was not made, or not kept, as a sentence for a person."""


class Gateway:
    """The gateway's folder in the state folder, and what is in force on this machine.

    Everything here is called under `journal.lock()`.
    """

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self.folder = self.state / "gateway"
        self.journal = Journal(self.folder)
        self.stand = Stand(self.folder / "in-force")
        self.previous = Stand(self.folder / "previous")
        self.name_server = NameServer(self.stand.folder / NAME_SERVER_FILE, self.folder)
        self.facts_file = self.folder / FACTS_FILE
        self.said = self.folder / "undone.txt"
        self._settings = self.folder / "settings-before.json"
        self._memory = Memory(self.folder / "remembered.json")

    def check(self, files: Mapping[str, str]) -> None:
        """Have nft and dnsmasq look the files over. Raises GatewayError; changes nothing."""
        try:
            if TABLE_FILE in files:
                table.check(files[TABLE_FILE])
                self.name_server.check(files[NAME_SERVER_FILE])
        except (TableError, NameServerError) as error:
            raise GatewayError(str(error)) from error

    def change(
        self, files: Mapping[str, str], facts: Facts, within: float | None, now: datetime
    ) -> Change | None:
        """Put files in force, to be confirmed `within` seconds; at once for good if that is None.

        Raises GatewayError if that fails, once what was there before is back.
        """
        self._settings_before()  # before anything is noted: without it there is no way back
        self._keep_previous()
        deadline = time.monotonic() + (86400.0 if within is None else within)
        change = Change(secrets.token_hex(8), False, deadline, boot_id(), self.previous.exists())
        self.journal.write(change)
        self.said.unlink(missing_ok=True)
        try:
            if within is not None:
                set_watchdog(self.state, change.id)
            wanted = wanted_settings(facts)
            self._keep_settings(wanted)
            old = self.stand.text(NAME_SERVER_FILE)
            self.stand.write(files, {"at": now.isoformat(), "nft": version_of("nft")})
            self._put_in_force(files, wanted, old)
        except (NoWatchdog, TableError, NameServerError, RoutingError, OSError) as error:
            self.undo(change)
            raise GatewayError(
                f"{_sentence(error)} What was there before is back in force."
            ) from error
        if within is None:
            self.settle()
            return None
        # From now on, not from when it began: the admin gets the whole time.
        change = replace(change, made=True, deadline=time.monotonic() + within)
        self.journal.write(change)
        return change

    def remember(self) -> None:
        """Keep the addresses that restricted names have led to, should the table be taken away."""
        if find_program("nft"):
            self._memory.keep(table.remembered())

    def settle(self) -> None:
        """What is in force stays: its facts are remembered, and what was before is forgotten."""
        write_durably(self.facts_file, self.stand.text(FACTS_FILE) or "")
        self.journal.settle()
        self.previous.remove()

    def undo(self, change: Change) -> None:
        """Put back what was there before a change.

        Raises GatewayError, TableError, NameServerError, RoutingError and OSError; then the change
        is still noted, and to be undone again.
        After a new start of the machine nothing is in force any more; then only files go back.
        """
        if change.had_previous and self.previous.exists():
            edited = self.previous.text(KERNEL_TABLE)
            self.previous.copy_to(self.stand)
            if change.is_of_this_boot:
                self._put_back(edited)
        else:
            if change.is_of_this_boot:
                self.take_down()
            self.stand.remove()
        self.journal.settle()
        self.previous.remove()

    def recover(self) -> str | None:
        """Undo what an earlier change left half done or nobody confirmed; say so.

        Raises GatewayError while a change still waits to be confirmed.
        """
        change = self.journal.read()
        if change is None:
            return None
        if change.made and change.seconds_left > 0:
            raise GatewayError(
                f"The last change still waits to be confirmed, for {change.seconds_left:.0f}"
                " seconds: run 'schoolgate gateway confirm', or wait until it is undone."
            )
        self.undo(change)
        return (
            "The last change was not confirmed, so what was there before it is back."
            if change.made
            else "The last change was interrupted, so what was there before it is back."
        )

    def take_down(self) -> bool:
        """Take rules, name server and settings out of force. Says whether there was anything.

        Raises TableError while the rules stay: then so does the rest, which they lead to. What
        else fails does not keep the others; GatewayError says all of it.
        """
        had, faults = self._take_rules(), []
        for step in (self._stop_name_server, unroute, self._put_settings_back):
            try:
                had = step() or had
            except (GatewayError, NameServerError, RoutingError, OSError) as error:
                faults.append(_sentence(error))
        if faults:
            raise GatewayError("\n".join(faults))
        return had

    def remove(self) -> bool:
        """Leave no trace. Says whether there was anything. Raises as `take_down` does."""
        had = self.stand.exists() or self.facts_file.exists()
        try:
            had = self.take_down() or had
        except GatewayError:
            # What is left to do stays to be found, and nothing is put in force again.
            self.facts_file.unlink(missing_ok=True)
            self.journal.settle()
            self.stand.remove()
            self.previous.remove()
            raise
        shutil.rmtree(self.folder, ignore_errors=True)
        return had

    def _take_rules(self) -> bool:
        if find_program("nft") is None:
            if self.stand.text(TABLE_FILE) is None:
                return False
            raise TableError(
                "nft is not installed, so the rules cannot be taken away, and nothing else was:"
                " install nftables and try again."
            )
        text = table.table_text()
        if text is None or not table.is_ours(text):
            return False
        table.delete()
        return True

    def _stop_name_server(self) -> bool:
        ran = self.name_server.pid() is not None
        self.name_server.stop()
        return ran

    def _put_settings_back(self) -> bool:
        try:
            before = self._settings_before()
        except GatewayError as error:
            self._settings.unlink()  # or nothing could ever be undone
            raise GatewayError(
                f"{self._settings} was damaged, so the kernel settings stay as they are: set"
                " net.ipv4.ip_forward and net.ipv6.conf.all.forwarding to 0 if this machine"
                " should pass nothing on."
            ) from error
        if before is None:
            return False
        restore_settings(before)
        self._settings.unlink()
        return True

    def _put_in_force(
        self, files: Mapping[str, str], settings: Mapping[str, str], old: str | None
    ) -> None:
        if TABLE_FILE not in files:
            self.take_down()
            return
        apply_settings(settings)
        route()
        gone = table.table_text() is None
        if gone:
            # The name server must find its sets from the first answer on.
            table.load(render_sets() + render_elements(self._memory.read()))
        if gone or files[NAME_SERVER_FILE] != old or self.name_server.pid() is None:
            self.name_server.restart()  # what it answers from its cache fills no set
        if not self.name_server.answers():
            raise NameServerError(
                f"The name server does not answer; see {self.folder / 'dnsmasq.log'}."
            )
        table.load(files[TABLE_FILE] + render_elements(table.remembered()))
        self.stand.note(digest=table.table_digest())

    def _keep_previous(self) -> None:
        self.previous.remove()
        if not self.stand.exists():
            return
        self.stand.copy_to(self.previous)
        text = table.table_text() if find_program("nft") else None
        if text is not None and table.table_digest() != self.stand.known().get("digest"):
            # As nft lists it, only where somebody edited it: its listing leaves a little out.
            write_durably(self.previous.folder / KERNEL_TABLE, text)

    def _put_back(self, edited: str | None) -> None:
        rules = self.stand.text(TABLE_FILE)
        if rules is None:
            self.take_down()
            return
        settings = read_rendered(self.stand.text(SETTINGS_FILE) or "")
        self._keep_settings(settings)
        apply_settings(settings)  # explicit mode, which may be what is undone, needs none
        route()
        self.name_server.restart()
        if edited is not None:
            table.load(f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n{edited}")
        else:
            table.load(rules + render_elements(table.remembered()))

    def _keep_settings(self, wanted: Mapping[str, str]) -> None:
        """The very first values count: a second change must not take ours for the machine's."""
        kept = self._settings_before() or {}
        before = settings_before(wanted)
        if before:
            write_durably(self._settings, json.dumps({**before, **kept}))

    def _settings_before(self) -> dict[str, str] | None:
        """The machine's own values; None if none were changed. Raises GatewayError, OSError."""
        try:
            before = json.loads(self._settings.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            before = None
        if isinstance(before, dict) and all(isinstance(value, str) for value in before.values()):
            return before
        raise GatewayError(
            f"{self._settings} is damaged: remove it and try again; 'schoolgate gateway remove'"
            " will then leave the kernel settings as they are now."
        )


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f"{error.filename} " if error.filename else "A file "
        return f"{where}cannot be changed: {error.strerror or error}."
    return str(error)
