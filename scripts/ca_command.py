"""`schoolgate ca`: the school's certificate authority, at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from addon.authority.folder import (
    CERTIFICATE,
    NEXT_CERTIFICATE,
    NEXT_KEY,
    NEXT_SEALED_KEY,
    ROOT_KEY,
    SEALED_KEY,
    AuthorityError,
    Signing,
    key_text,
    locked,
    read_key,
    read_root,
    read_signing,
    write,
)
from addon.authority.names import UNNAMED, Wanted, wanted
from addon.authority.report import authority_report
from addon.authority.rotation import make_next, switch
from addon.authority.sealing import sealed
from addon.authority.signing import sign_anew
from addon.portal.authority import Authority, NoAuthority, read_authority, read_next
from addon.state_folder import backups_folder
from rules.policy import Policy
from scripts.ca_passphrase import from_option, new_passphrase, opened, passphrase_option
from scripts.common import A_PATH, Sorry, policy_at, policy_option, state_option


@click.group()
def ca() -> None:
    """The school's certificate authority: seal its key, renew, rotate, export."""


@ca.command()
@state_option
@policy_option
def status(state: Path, policy: Path) -> None:
    """Say what there is, until when, and what is to be done. Exit status 1 if something is."""
    folder = state / "authority"
    with _faults_told(folder):
        signing = read_signing(folder)
        root = read_root(folder)
    if root is not None:
        click.echo(_described("Root", root))
        where = "open in this folder" if (folder / ROOT_KEY).exists() else "sealed"
        if where == "sealed" and not (folder / SEALED_KEY).exists():
            where = "elsewhere"
        click.echo(f"  its key: {where}")
    if isinstance(signing, Signing):
        count = sum(len(part.names) for part in signing.parts)
        click.echo(
            f"Intermediates: {len(signing.parts)}, for {count} names, until"
            f" {signing.valid_until:%-d %B %Y}"
        )
    if (following := read_root(folder, NEXT_CERTIFICATE)) is not None:
        click.echo(_described("Next root", following))
    report = authority_report(state, policy_at(policy, state), datetime.now(UTC))
    for line in (*report.problems, *report.advice):
        click.echo(line)
    if report.problems:
        raise SystemExit(1)


@ca.command()
@state_option
@passphrase_option
@click.option("--to", "target", type=A_PATH, help="Write the sealed key there, and keep none here.")
def seal(state: Path, passphrase_file: Path | None, target: Path | None) -> None:
    """Put the root's key under a passphrase, so that whoever takes this machine cannot use it."""
    folder = state / "authority"
    with _faults_told(folder), locked(folder):
        keys = [
            (name, sealed_name, key)
            for certificate, name, sealed_name in (
                (CERTIFICATE, ROOT_KEY, SEALED_KEY),
                (NEXT_CERTIFICATE, NEXT_KEY, NEXT_SEALED_KEY),
            )
            if (root := read_root(folder, certificate)) is not None
            and (key := read_key(folder / name, root)) is not None
        ]
        if not keys:
            raise Sorry(f"There is no open key in {folder}; it is sealed already, or elsewhere.")
        if target and target.exists():
            raise Sorry(f"{target} is there already; give another name with --to.")
        passphrase = new_passphrase(passphrase_file)
        for name, sealed_name, key in keys:
            place = folder / sealed_name
            if target:
                place = target if name == ROOT_KEY else target.with_name(f"{target.name}.next")
            write(place, sealed(key, passphrase))
            (folder / name).unlink()
            click.echo(f"Sealed: {place}")
        for copy in _open_copies(state):
            copy.unlink()
            click.echo(f"Removed, because it lay open: {copy}")
    click.echo(
        "Without the passphrase nobody can use the key, and nobody can get it back: keep it in the"
        " school's safe. A policy that adds sites needs it once, for `schoolgate ca renew`."
    )
    if not target:
        click.echo("To keep the file away from this machine too, move it to a stick.")


def _open_copies(state: Path) -> list[Path]:
    """Copies of the root's key that upgrades of earlier releases made."""
    names = (ROOT_KEY, NEXT_KEY)
    return [found for name in names for found in backups_folder(state).glob(f"*/authority/{name}")]


@ca.command()
@state_option
@passphrase_option
@from_option
def unseal(state: Path, passphrase_file: Path | None, source: Path | None) -> None:
    """Lay the root's key open again, so that the gate renews by itself."""
    folder = state / "authority"
    with _faults_told(folder), locked(folder):
        key = opened(folder, passphrase_file, source, CERTIFICATE, ROOT_KEY, SEALED_KEY)
        write(folder / ROOT_KEY, key_text(key))
        (folder / SEALED_KEY).unlink(missing_ok=True)
    click.echo("The root's key is open; a running gate uses it at its next reload.")


@ca.command()
@state_option
@policy_option
@passphrase_option
@from_option
@click.option(
    "--portal-url",
    envvar="SCHOOLGATE_PORTAL_URL",
    show_envvar=True,
    help="The portal's address, if its name has changed.",
)
def renew(
    state: Path,
    policy: Path,
    passphrase_file: Path | None,
    source: Path | None,
    portal_url: str | None,
) -> None:
    """Sign new intermediates for the policy as it is now; a running gate takes them up."""
    folder, loaded = state / "authority", policy_at(policy, state)
    with _faults_told(folder), locked(folder):
        need = _need(folder, loaded, portal_url)
        key = opened(folder, passphrase_file, source, CERTIFICATE, ROOT_KEY, SEALED_KEY)
        root = read_root(folder)
        assert root is not None
        signing = sign_anew(folder, root, key, need, datetime.now(UTC))
    click.echo(
        f"Signed {len(signing.intermediates)} certificates, valid until"
        f" {signing.valid_until:%-d %B %Y}."
    )


@ca.command()
@state_option
@policy_option
@passphrase_option
@from_option
@click.option("--switch", "go_over", is_flag=True, help="Sign under the next root from now on.")
def rotate(
    state: Path, policy: Path, passphrase_file: Path | None, source: Path | None, go_over: bool
) -> None:
    """Make the next root, and with --switch, once every device trusts it, go over to it."""
    folder, loaded, now = state / "authority", policy_at(policy, state), datetime.now(UTC)
    with _faults_told(folder), locked(folder):
        if go_over:
            need = _need(folder, loaded, None)
            names = (NEXT_CERTIFICATE, NEXT_KEY, NEXT_SEALED_KEY)
            signing = switch(folder, opened(folder, passphrase_file, source, *names), need, now)
            click.echo(f"In use now. {_described('Root', signing.root)}")
        elif read_root(folder) is None:
            raise Sorry(f"There is no authority in {folder} yet; the gate makes it at its start.")
        else:
            click.echo(_described("Next root", make_next(folder, loaded.school.name, now)))
            click.echo(
                "The portal's certificate page offers it beside the present one. When every device"
                " trusts it, run `schoolgate ca rotate --switch`."
            )


@ca.command()
@state_option
@policy_option
@click.option(
    "--form",
    type=click.Choice(["pem", "der", "mobileconfig"]),
    default="pem",
    show_default=True,
    help="Text, bytes, or a profile for Apple's devices.",
)
@click.option("--next", "following", is_flag=True, help="The next root instead.")
@click.option("--to", "target", type=A_PATH, help="A file. [default: standard output]")
def export(state: Path, policy: Path, form: str, following: bool, target: Path | None) -> None:
    """Write out the certificate that devices are to trust; never a key."""
    try:
        authority: Authority | None = read_next(state) if following else read_authority(state)
    except NoAuthority as error:
        raise Sorry(str(error)) from error
    if authority is None:
        raise Sorry("There is no next root; `schoolgate ca rotate` makes one.")
    if form == "mobileconfig":
        content = authority.apple_profile(policy_at(policy, state).school.name)
    else:
        content = authority.pem if form == "pem" else authority.der
    if target is None:
        sys.stdout.buffer.write(content)
        return
    try:
        target.write_bytes(content)
    except OSError as error:
        raise Sorry(f"{target} cannot be written: {error.strerror}.") from error


@contextmanager
def _faults_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except AuthorityError as error:
        raise Sorry(str(error)) from error
    except OSError as error:
        path = error.filename or folder
        raise Sorry(f"{path} cannot be read or written: {error.strerror}.") from error


def _need(folder: Path, policy: Policy, portal_url: str | None) -> Wanted:
    """What to sign for; the portal's name, unless it is given, as it was signed for before."""
    before = read_signing(folder)
    if portal_url is None and isinstance(before, Signing):
        own = [name for name in before.parts[0].names if name != UNNAMED]
        portal_url = own[0] if own else ""
    return wanted(policy, portal_url or "")


def _described(what: str, root: x509.Certificate) -> str:
    return (
        f"{what}: valid until {root.not_valid_after_utc:%-d %B %Y}, SHA-256"
        f" {root.fingerprint(SHA256()).hex(':').upper()}"
    )
