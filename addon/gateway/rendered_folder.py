"""A folder that `render` fills: its own files are replaced, anybody else's are left alone.

What was written is listed there with its checksums, as sha256sum(1) does, so that a later render
knows its own files from others', and from its own that somebody has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from addon.durable_file import replace_file

LIST: Final = ".schoolgate-rendered"


class RenderedFolderError(Exception):
    """Why nothing was written, as a sentence for a person."""


def fill(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files, by their names below the folder, and remove those of an earlier render.

    Raises RenderedFolderError, and then nothing has changed, or OSError.
    """
    ours = _listed(folder)
    old = {name for name, _ in ours}
    now = {(name, _sum(text.encode())) for name, text in files.items()}
    known = ours | now  # what is as it would be written is as good as ours
    if others := [name for name in sorted(old | set(files)) if _is_other(folder, name, known)]:
        raise RenderedFolderError(
            f"{folder} holds what 'render' did not write, or what was changed since"
            f" ({', '.join(others)}): move it away, or name another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    _list(folder, known)  # both, or a render that is cut short would not know its own files
    for name in old - set(files):
        (folder / name).unlink(missing_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode(), mode=0o644)
    _list(folder, now)


def _is_other(folder: Path, name: str, known: set[tuple[str, str]]) -> bool:
    """Whether something stands in a file's place that is not as we wrote it."""
    path = folder / name
    above = [folder / parent for parent in list(PurePosixPath(name).parents)[:-1]]
    # A link would lead out of the folder, perhaps to where the units in use are.
    if any(step.is_symlink() or (step.exists() and not step.is_dir()) for step in above):
        return True
    if path.is_symlink() or not path.exists():
        return path.is_symlink()
    return not path.is_file() or (name, _sum(path.read_bytes())) not in known


def _listed(folder: Path) -> set[tuple[str, str]]:
    """Names and checksums of what was rendered here before."""
    try:
        text = (folder / LIST).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return set()
    parts = (line.partition("  ") for line in text.splitlines())
    return {(name, checksum) for checksum, _, name in parts if _is_below(name)}


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _list(folder: Path, files: set[tuple[str, str]]) -> None:
    lines = (f"{checksum}  {name}\n" for name, checksum in sorted(files))
    (folder / LIST).write_text("".join(lines), encoding="utf-8")


def _sum(data: bytes) -> str:
    return sha256(data).hexdigest()
