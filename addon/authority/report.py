"""What is not well with the authority, and what is worth knowing, in sentences for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from addon.authority.folder import (
    NEXT_CERTIFICATE,
    ROOT_KEY,
    AuthorityError,
    Signing,
    read_key,
    read_root,
    read_signing,
)
from addon.authority.keeping import RENEWED_BEFORE
from addon.authority.names import MOST_NAMES, UNNAMED, Wanted, wanted
from rules.policy import Policy

ROTATED_BEFORE: Final = timedelta(days=365)
_NAMED: Final = 3  # names in one sentence


@dataclass(frozen=True, slots=True)
class AuthorityReport:
    """`problems` want somebody to do something; `advice` says what could be better."""

    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def authority_report(
    state: Path, policy: Policy, now: datetime, portal: str = ""
) -> AuthorityReport:
    """Look at the authority in a state folder as a policy needs it. `now` is aware.

    Without a `portal` (its address), that its name is covered is not asked. Reads what only the
    gate's own user may read; changes nothing, and raises nothing.
    """
    folder = state / "authority"
    try:
        signing = read_signing(folder)
        root = read_root(folder)
        if signing is None and root is None:
            return AuthorityReport(advice=("The gate makes its authority when it first starts.",))
        if not isinstance(signing, Signing):
            # One of before is taken over at the next start; without its key nothing is.
            said = "The next start of the gate puts certificates under its authority."
            return AuthorityReport(advice=(said,))
        key = read_key(folder / ROOT_KEY, signing.root)
        following = read_root(folder, NEXT_CERTIFICATE)
    except AuthorityError as error:
        return AuthorityReport(problems=(str(error),))
    except OSError as error:
        return AuthorityReport(problems=(f"{folder} cannot be read: {error.strerror}.",))
    need = _wanted(policy, portal)
    problems = [*_ending(signing, now, at_hand=key is not None)]
    advice = [*_too_long(need)]
    missing = [name for name in signing.covering.missing(need) if name != UNNAMED]
    if missing and key is None:
        problems.append(
            f"The certificates do not cover {_listed(missing)}, so what is there is refused without"
            " a page; run `schoolgate ca renew` with the root's passphrase."
        )
    elif missing:
        advice.append(f"{_listed(missing)} will be covered once the gate has read this policy.")
    if key is not None:
        advice.append(
            f"The root's key lies open in {folder / ROOT_KEY}; `schoolgate ca seal` puts it under a"
            " passphrase."
        )
    if following is not None:
        advice.append(
            "A next root waits; once every device trusts it, run `schoolgate ca rotate --switch`."
        )
    return AuthorityReport(tuple(problems), tuple(advice))


def _ending(signing: Signing, now: datetime, *, at_hand: bool) -> Iterator[str]:
    root_ends, ends = signing.root.not_valid_after_utc, signing.valid_until
    if now >= root_ends - ROTATED_BEFORE:
        yield (
            f"The school's authority ends on {root_ends:%-d %B %Y}; run `schoolgate ca rotate` and"
            " give the devices the next one in time."
        )
    if now < signing.valid_from:
        yield (
            f"The certificates are valid from {signing.valid_from:%-d %B %Y} only; is this"
            " computer's clock right?"
        )
    elif now >= ends - RENEWED_BEFORE and not at_hand:
        verb = "ended" if now >= ends else "end"
        yield (
            f"The certificates for block pages {verb} on {ends:%-d %B %Y}; run"
            " `schoolgate ca renew` with the root's passphrase."
        )


def _too_long(need: Wanted) -> Iterator[str]:
    for name, count in need.left_out:
        yield (
            f"{name} has {count:,} domains, more than certificates are made for ({MOST_NAMES:,}"
            " in all); they are refused without a page."
        )


def _listed(names: list[str]) -> str:
    shown, more = names[:_NAMED], len(names) - _NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


# Asked again and again about one policy; a long list takes a second to go through.
@lru_cache(maxsize=1)
def _wanted(policy: Policy, portal: str) -> Wanted:
    return wanted(policy, portal)
