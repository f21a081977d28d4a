"""Secrets in the state folder, a file each, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from addon.durable_file import replace_file
from addon.state_folder import secrets_folder

LOGONS: Final = "logons"
"""The name of the secret that the Windows domain signs its reports with."""

_SHORTEST: Final = 16
"""Bytes: a RADIUS secret that is shorter can be guessed from one packet (RFC 2865, section 3)."""


class SecretError(Exception):
    """One sentence on why a secret cannot be had."""


def radius_secret_name(client: str) -> str:
    """The name of a RADIUS client's secret."""
    return f"radius.{client}"


def read_secret(state: Path, name: str) -> bytes:
    """The secret, without the end of its line. Raises SecretError."""
    path = secrets_folder(state) / name
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(4096).strip()
    except FileNotFoundError as error:
        raise SecretError(
            f"there is no secret in {path}; make one with 'schoolgate identity secret {name}'."
        ) from error
    except OSError as error:
        raise SecretError(f"{path} cannot be read ({error.strerror}).") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(f"others may read {path}; run 'chmod 600 {path}', and change the secret.")
    if len(secret) < _SHORTEST:
        raise SecretError(f"the secret in {path} is shorter than {_SHORTEST} letters.")
    return secret


def make_secret(state: Path, name: str) -> str:
    """Makes a secret, in place of one that may be there, and gives it back. Raises SecretError."""
    folder = secrets_folder(state)
    secret = secrets.token_urlsafe(24)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        replace_file(folder / name, f"{secret}\n".encode("ascii"))
    except OSError as error:
        raise SecretError(f"{folder / name} cannot be written ({error.strerror}).") from error
    return secret
