"""Steps of `scripts/install` that want the release itself: `python -m scripts.install_steps STEP`.

units FOLDER COMMAND STATE SETTINGS   writes systemd's units
not-older OLD NEW                     1 if the new release is older than the one that is there
usable STATE                          1 if a newer release has used the state folder
readable STATE                        1 if this release cannot read the record
no-longer-withdrawn STATE             says whose web access the record gives back that was put back
copy STATE NAME                       copies what an upgrade may change, and prints where to
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from addon.authority.folder import NEXT_KEY, ROOT_KEY
from addon.gateway.machine import find_program
from addon.gateway.places import Places
from addon.gateway.units import render_units
from addon.kept_withdrawals import KeptWithdrawals
from addon.state_folder import backups_folder
from addon.state_version import NewerStateError, check_version, current_version, is_older
from storage.access import access_history, present
from storage.database import (
    FILE_NAME,
    NoRecordError,
    RecordError,
    copy_record,
    open_record_readonly,
)
from storage.record_file import RecordFile

_KEPT = 3  # copies of the state


def main() -> int:
    """0 done, 1 the answer is no."""
    step, *words = sys.argv[1:]
    try:
        match step, words:
            case "units", [folder, command, state, settings]:
                write_units(Path(folder), Path(command), Path(state), Path(settings))
            case "not-older", [old, new] if is_older(new, old):
                print(
                    f"Schoolgate {old} is installed, and this is {new}: an older release cannot"
                    " take its place.",
                    file=sys.stderr,
                )
                return 1
            case "not-older", [_, _]:
                pass
            case "usable", [state]:
                check_version(Path(state), current_version())
            case "readable", [state]:
                check_version(Path(state), current_version())
                open_record_readonly(Path(state)).dispose()
            case "no-longer-withdrawn", [state]:
                if people := no_longer_withdrawn(Path(state)):
                    print(
                        f"It does not know that web access was withdrawn from {', '.join(people)}:"
                        " withdraw it again with 'schoolgate access withdraw'."
                    )
            case "copy", [state, name]:
                print(copy_state(Path(state), name))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except NoRecordError:
        return 0
    except (NewerStateError, RecordError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write_units(folder: Path, command: Path, state: Path, settings: Path) -> None:
    """Write the units for an installation."""
    places = Places(
        command,
        state,
        settings / "school.yaml",
        dnsmasq=Path(find_program("dnsmasq") or "/usr/sbin/dnsmasq"),
        haproxy=Path(find_program("haproxy") or "/usr/sbin/haproxy"),
        nft=Path(find_program("nft") or "/usr/sbin/nft"),
        settings=settings / "schoolgate.env",
    )
    for name, text in render_units(places).items():
        (folder / name).write_text(text, encoding="utf-8")


def no_longer_withdrawn(state: Path) -> list[str]:
    """The ids of those whose web access was withdrawn at last, and is not by the record, which may
    be of an older release. Raises RecordError.
    """
    record = RecordFile(state / FILE_NAME, "ro")
    return sorted(KeptWithdrawals(state).read() - present(access_history(record)).withdrawn.keys())


def copy_state(state: Path, name: str) -> Path:
    """Copy the record and the certificates, without the root's key, to `backups/NAME`.

    The oldest copies are forgotten. A record on a server is left to whoever looks after that. It
    all belongs to whoever the state folder belongs to. Raises RecordError.
    """
    backups = backups_folder(state)
    kept = backups / name
    kept.mkdir(mode=0o700, parents=True)
    backups.chmod(0o700)
    if (state / FILE_NAME).exists():
        copy_record(state, kept / FILE_NAME)
    if (state / "authority").is_dir():
        # The root's key stays what it is, and a copy would outlive its being sealed.
        roots = shutil.ignore_patterns(ROOT_KEY, NEXT_KEY)
        shutil.copytree(state / "authority", kept / "authority", ignore=roots)
    owner = state.stat()
    for path in (backups, *backups.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    for old in sorted(path for path in backups.iterdir() if path.is_dir())[:-_KEPT]:
        shutil.rmtree(old)
    return kept


if __name__ == "__main__":
    sys.exit(main())
