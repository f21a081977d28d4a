"""One-time codes for signing in at the portal, until people have accounts there.

Whoever looks after the computers makes a code for a person and gives it to them. Only its hash is
kept (Argon2id, RFC 9106), in a file of its own: to take the file away is to use the code, and of
two who try at once only one can.

To check an Argon2 hash takes much of a processor, and whoever guesses would keep everybody waiting.
So a few bits of a quick hash stand beside it, which all but one guess in four thousand fail; and
what is left is checked one at a time, for which nobody waits long. Whoever reads the file has still
38 of the code's 50 bits to guess, each at Argon2's pace, of a code that is good for a day.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 10  # symbols of five bits
_MOST: Final = 5
"""Codes that one person can hold at once."""
_QUICK: Final = 3
"""Letters (of four bits) of the quick hash."""
_WAIT: Final = 5.0
"""Seconds that a check waits for others at most."""
_one_at_a_time: Final = threading.Lock()


class CodeError(Exception):
    """One sentence on why no code could be made."""


def issue(state: Path, person: str, lasts: timedelta, now: datetime) -> str:
    """Makes a code for a person, by id, such as `7K3QD-9M2XA`. Raises CodeError."""
    code = "".join(secrets.choice(_SYMBOLS) for _ in range(_LENGTH))
    salt = secrets.token_hex(8)
    facts = {
        "hash": PasswordHasher().hash(code),
        "salt": salt,
        "quick": _quick(salt, code),
        "until": (now + lasts).isoformat(),
    }
    folder = _folder(state)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        kept = _kept(state, person)
        kept.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for oldest in kept[_MOST - 1 :]:
            oldest.unlink(missing_ok=True)
        path = folder / f"{person}~{secrets.token_hex(8)}"
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(facts, file)
    except OSError as error:
        raise CodeError(f"No code could be kept in {folder} ({error.strerror}).") from error
    return f"{code[:5]}-{code[5:]}"


@dataclass(frozen=True, slots=True)
class Used:
    """A code that has been used, and what its file held."""

    path: Path
    facts: str

    def give_back(self) -> None:
        """It came to nothing through no fault of the person's, so the code may be used again."""
        with suppress(OSError):
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.facts)


class TooBusy(Exception):
    """So many codes are being checked that this one's turn did not come in time."""


def redeem(state: Path, person: str | None, code: str, now: datetime) -> Used | None:
    """An unused code of the person's, if it is one; from now on it is used. Raises TooBusy.

    For nobody it takes about as long as for somebody, so that names are not easily found out.
    """
    typed = _typed(code)
    for path in _kept(state, person) if person else []:
        try:
            text = path.read_text(encoding="utf-8")
            facts = json.loads(text)
            until = datetime.fromisoformat(facts["until"])
            likely = hmac.compare_digest(_quick(facts["salt"], typed), facts["quick"])
            right = likely and _matches(facts["hash"], typed)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if until <= now:
            path.unlink(missing_ok=True)
        elif right:
            with suppress(OSError):
                path.unlink()
                return Used(path, text)
    return None


def _quick(salt: str, typed: str) -> str:
    return hashlib.sha256(f"{salt} {typed}".encode()).hexdigest()[:_QUICK]


def _typed(code: str) -> str:
    """However it was typed: any case, O for 0, I or L for 1, dashes and spaces anywhere."""
    symbols = [s for s in code.upper()[:100] if s != "-" and not s.isspace()]
    return "".join({"O": "0", "I": "1", "L": "1"}.get(symbol, symbol) for symbol in symbols)


def _matches(kept: str, typed: str) -> bool:
    if not _one_at_a_time.acquire(timeout=_WAIT):
        raise TooBusy
    try:
        return PasswordHasher().verify(kept, typed)
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _one_at_a_time.release()


def _folder(state: Path) -> Path:
    return state / "sign-in-codes"


def _kept(state: Path, person: str) -> list[Path]:
    return [path for path in _folder(state).glob("*~*") if path.name.split("~")[0] == person]
