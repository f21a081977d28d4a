"""Which account of this computer types a command: what the system knows, not what is claimed.

`sudo`, `su` and the installed command itself change the user; the login id that the kernel keeps of
a session (proc_pid_loginuid(5)) stays what it was when somebody logged in.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

_LOGIN: Final = Path("/proc/self/loginuid")
_UNSET: Final = 2**32 - 1  # of a service, or a container


def os_account() -> str:
    """A name such as 'sage', or 'sage as schoolgate' where somebody became another user."""
    now = name_of(os.getuid())
    first = _logged_in()
    return now if first in (None, now) else f"{first} as {now}"


def name_of(number: int) -> str:
    """The name of a user's number, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _logged_in() -> str | None:
    try:
        number = int(_LOGIN.read_bytes())
    except (OSError, ValueError):
        number = _UNSET
    if number != _UNSET:
        return name_of(number)
    # Where the kernel keeps none, sudo's word is the best there is.
    said = os.environ.get("SUDO_UID", "")
    return name_of(int(said)) if said.isdecimal() and int(said) < _UNSET else None
