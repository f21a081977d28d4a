"""The passphrase of the root's key: asked for at the terminal, or read from a file."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec

from addon.authority.folder import read_key, read_root
from addon.authority.sealing import SHORTEST, unsealed
from scripts.common import A_PATH, Command, Sorry


def passphrase_option(command: Command) -> Command:
    """`--passphrase-file FILE`."""
    return click.option(
        "--passphrase-file",
        type=A_PATH,
        envvar="SCHOOLGATE_PASSPHRASE_FILE",
        show_envvar=True,
        help="A file whose first line is the passphrase. [default: asked for]",
    )(command)


def from_option(command: Command) -> Command:
    """`--from FILE`."""
    return click.option(
        "--from", "source", type=A_PATH, help="The sealed key, where it was taken elsewhere."
    )(command)


def opened(
    folder: Path,
    passphrase_file: Path | None,
    source: Path | None,
    certificate: str,
    name: str,
    sealed_name: str,
) -> ec.EllipticCurvePrivateKey:
    """A root's key, open or after its passphrase. Raises Sorry or AuthorityError."""
    root = read_root(folder, certificate)
    if root is None:
        raise Sorry(f"There is no {certificate} in {folder}.")
    if source is None and (key := read_key(folder / name, root)) is not None:
        return key
    path = source or folder / sealed_name
    if not path.exists():
        raise Sorry(f"The sealed key is not at {path}; say with --from where it is kept.")
    if passphrase_file:
        passphrase = _first_line(passphrase_file)
    else:
        passphrase = click.prompt("Passphrase", hide_input=True, err=True)
    return unsealed(path, passphrase, root)


def new_passphrase(file: Path | None) -> str:
    """One to seal with, typed twice. Raises Sorry if it is too short."""
    if file:
        passphrase = _first_line(file)
    else:
        passphrase = click.prompt(
            "New passphrase", hide_input=True, confirmation_prompt="Again", err=True
        )
    if len(passphrase) < SHORTEST:
        raise Sorry(f"A passphrase has at least {SHORTEST} characters; four or five words do well.")
    return str(passphrase)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").split("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise Sorry(f"{file} cannot be read as a file with a passphrase in it.") from error
