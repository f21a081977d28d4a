"""`schoolgate gateway`: what stands around the proxy, rendered, put in force, and taken away."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from addon.gateway import preflight
from addon.gateway.applying import Gateway, GatewayError
from addon.gateway.condition import Finding, look
from addon.gateway.facts import Facts, Mode
from addon.gateway.journal import Change, JournalError
from addon.gateway.machine import (
    MachineError,
    find_program,
    interfaces,
)
from addon.gateway.missing_facts import missing_facts
from addon.gateway.name_server import NameServerError
from addon.gateway.names import gateway_names
from addon.gateway.places import Places
from addon.gateway.remarks import remarks
from addon.gateway.rendered_folder import RenderedFolderError, fill
from addon.gateway.rendering import render_for_reading
from addon.gateway.routing import RoutingError
from addon.gateway.table import TableError, table_text
from rules.policy import Policy
from scripts.common import (
    A_PATH,
    Sorry,
    json_option,
    policy_at,
    policy_in_force,
    policy_option,
    proven_policy_at,
    state_option,
)
from scripts.gateway_files import render_now, surroundings, with_upstreams
from scripts.gateway_options import facts_from, facts_options, read_facts

_KEEP = "schoolgate gateway confirm"
_FAULTS = (
    GatewayError,
    JournalError,
    MachineError,
    NameServerError,
    RenderedFolderError,
    RoutingError,
    TableError,
)


@click.group()
def gateway() -> None:
    """The gateway around the proxy: packet filter, name server, kernel settings."""


@gateway.command("render")
@click.argument("folder", type=A_PATH)
@facts_options
@state_option
@policy_option
def render_(folder: Path, state: Path, policy: Path, **given: Any) -> None:
    """Write everything that `apply` would use into FOLDER, for reading. Nothing is changed."""
    with _in_one_sentence():
        facts = facts_from(given, Gateway(state))
        if fault := missing_facts(facts):
            raise Sorry(fault)
        judged = policy_at(policy, state)
        files = render_now(facts, judged)
        command = Path(sys.executable).with_name("schoolgate")
        places = Places(command, state.absolute(), policy.absolute())
        files = render_for_reading(files, facts, gateway_names(judged), places)
        fill(folder, files)
    click.echo(f"Written to {folder}: {', '.join(sorted(files))}.")
    if facts.mode is Mode.EXPLICIT:
        script = f"http://{surroundings(facts).portal}/wpad.dat"
        click.echo(f"Browsers find the proxy by {script}, as DHCP option 252 or by Group Policy.")


@gateway.command()
@facts_options
@click.option(
    "--within",
    type=click.FloatRange(1, 3600),
    default=60,
    show_default=True,
    envvar="SCHOOLGATE_WITHIN",
    show_envvar=True,
    help="Seconds to confirm in, before everything is put back as it was.",
)
@click.option("--yes-i-checked", is_flag=True, help="Keep the new rules without confirming them.")
@click.option("--overwrite", is_flag=True, help="Replace rules that were changed by hand.")
@click.option(
    "--confirmed",
    is_flag=True,
    help="Put the last confirmed facts in force again, as at the machine's start.",
)
@state_option
@policy_option
def apply(
    within: float,
    yes_i_checked: bool,
    overwrite: bool,
    confirmed: bool,
    state: Path,
    policy: Path,
    **given: Any,
) -> None:
    """Put the gateway in force. Unless confirmed within a minute, it undoes itself."""
    _needs_root()
    here = Gateway(state)
    with _in_one_sentence(), here.journal.lock():
        if undone := here.recover():
            click.echo(undone, err=True)
        # Not before: one with faults must not keep a change in force.
        read = policy_in_force if confirmed else proven_policy_at
        judged = read(policy, state)
        if confirmed and not here.facts_file.exists():
            raise Sorry(
                "Nothing was confirmed yet: run 'schoolgate gateway apply' with the gateway's"
                " interfaces first."
            )
        facts = read_facts(here.facts_file) if confirmed else facts_from(given, here)
        facts = with_upstreams(facts)
        _check(facts, here, overwrite=overwrite, asks=not confirmed)
        files = render_now(facts, judged)
        here.check(files)
        here.remember()
        if not _differs(here, facts, files, judged, overwrite):
            click.echo("Everything is in force already; nothing was changed.")
            return
        for remark in remarks(facts, interfaces() if facts.lan else {}):
            click.echo(remark, err=True)
        for_good = yes_i_checked or confirmed
        change = here.change(files, facts, None if for_good else within, datetime.now(UTC))
    if change is None:
        click.echo(f"The gateway is in force in {facts.mode} mode.")
        return
    _ask_to_keep(change, here, facts, within)


@gateway.command()
@state_option
def confirm(state: Path) -> None:
    """Keep what `apply` has just put in force."""
    _needs_root()
    with _in_one_sentence():
        _confirm(Gateway(state))


@gateway.command()
@state_option
def remove(state: Path) -> None:
    """Take the gateway away and leave no trace of it. The record and the proxy stay."""
    _needs_root()
    here = Gateway(state)
    with _in_one_sentence():
        if not here.folder.exists() and not (find_program("nft") and table_text()):
            click.echo("There was nothing to remove.")
            return
        with here.journal.lock():
            had = here.remove()
    click.echo("The gateway is removed." if had else "There was nothing to remove.")


@gateway.command()
@state_option
@policy_option
@json_option
def status(state: Path, policy: Path, as_json: bool) -> None:
    """Say what is in force and what differs. Exit status 1 if anything does."""
    _needs_root()
    here = Gateway(state)
    with _in_one_sentence():
        findings = _findings(here, policy_in_force(policy, state))
    if as_json:
        click.echo(json.dumps([f.as_json() for f in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            mark = "!!" if not finding.good else "??" if finding.remedy else "ok"
            click.echo(f"{mark}  {finding.what}: {finding.found} {finding.remedy}".rstrip())
    sys.exit(0 if all(finding.good for finding in findings) else 1)


def _check(facts: Facts, here: Gateway, *, overwrite: bool, asks: bool) -> None:
    """Raises Sorry with everything that is in the way."""
    faults = list(preflight.programs_lacking(facts.mode))
    machine = interfaces() if find_program("ip") else {}
    wrong = list(preflight.interfaces_wrong(facts, machine))
    faults += wrong
    if facts.mode is not Mode.EXPLICIT and not wrong:
        faults += preflight.port_53_taken(facts, machine, here.name_server.pid())
        faults += preflight.haproxy_away(facts)
        if asks:  # when the machine starts, the line may come up later than we do
            faults += preflight.upstreams_wrong(facts.dns, machine)
    if find_program("nft"):
        digest = here.stand.known().get("digest")
        foreign = preflight.not_our_table(table_text(), digest, overwrite)
        if foreign:
            faults.append(foreign)
    if faults:
        raise Sorry("\n".join(["The gateway cannot be put in force:", *faults]))


def _differs(
    here: Gateway, facts: Facts, files: dict[str, str], policy: Policy, overwrite: bool
) -> bool:
    if not here.stand.exists() or here.stand.files() != files:
        return True
    return overwrite or not all(f.good for f in _look(here, facts, files, policy))


def findings_at(state: Path, policy: Policy) -> list[Finding]:
    """What is in force and what differs. Raises Sorry."""
    with _in_one_sentence():
        return _findings(Gateway(state), policy)


def _findings(here: Gateway, policy: Policy) -> list[Finding]:
    stands = here.stand.folder / here.facts_file.name
    if not stands.exists():
        return _look(here, Facts(), None, policy)
    facts = read_facts(stands)
    return _look(here, facts, render_now(facts, policy), policy)


def _look(
    here: Gateway, facts: Facts, files: dict[str, str] | None, policy: Policy
) -> list[Finding]:
    return look(here, facts, files, policy.school.timezone)


def _ask_to_keep(change: Change, here: Gateway, facts: Facts, within: float) -> None:
    click.echo(f"The gateway is in force in {facts.mode} mode, for {within:.0f} seconds.")
    if not sys.stdin.isatty():
        click.echo(f"If the internet still works, keep it with: {_KEEP}")
        return
    answer = click.prompt("If the internet still works, type yes to keep it", default="no")
    if answer.strip().lower() not in ("y", "yes"):
        click.echo(f"It will be undone in {change.seconds_left:.0f} seconds.")
        return
    with _in_one_sentence():
        _confirm(here)


def _confirm(here: Gateway) -> None:
    with here.journal.lock():
        change = here.journal.read()
        if change is None:
            raise Sorry(
                "The last change was not confirmed in time and was undone; apply it again."
                if here.said.exists()
                else "Nothing waits to be confirmed."
            )
        if not change.made or change.seconds_left <= 0:
            undone = here.recover()
            raise Sorry(f"It is too late to confirm. {undone or ''}".strip())
        here.settle()
    click.echo("Confirmed: the gateway stays as it is.")


def _needs_root() -> None:
    if os.geteuid() != 0:
        raise Sorry("Only root may change or read the network's rules: run it with sudo.")


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise Sorry(str(error)) from error
    except OSError as error:
        where = error.filename or "A file"
        if isinstance(error, PermissionError) and os.geteuid() != 0:
            raise Sorry(f"{where} is another user's: run it with sudo, or as that user.") from error
        raise Sorry(f"{where} cannot be used: {error.strerror or error}.") from error
