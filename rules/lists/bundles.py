"""Where a list is: one file, a folder, or an archive; and which part of it is wanted."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path

from rules.faults import suggestion
from rules.lists.archives import MOST_FILES, unpack
from rules.lists.entries import Found, ListError
from rules.lists.formats import FILES_OF_SQUIDGUARD, Format, read_file, tell_format
from rules.lists.texts import MOST_BYTES, Lines, Progress, size
from rules.lists.v2fly import NAME, Selection, V2flyLists


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to read a list. What is not said is found out."""

    format: Format | None = None
    parts: tuple[str, ...] = ()  # lists or categories of a folder; for v2fly 'facebook @-ads'
    column: str = ""  # of a table


@dataclass(frozen=True, slots=True)
class Bundle:
    """A list that has been found: what it is in, how large, its checksum, and its entries."""

    format: Format
    bytes: int
    sha256: str
    entries: Iterator[Found]


def open_bundle(path: Path, name: str, recipe: Recipe, work: Path, progress: Progress) -> Bundle:
    """Open the list in a file, folder or archive; `name` is what messages call it.

    Archives are unpacked below the folder `work`. Raises ListError, and so may the entries.
    """
    if not path.exists():
        raise ListError(f"There is no {name}.")
    if path.is_dir():
        return _folder(_only(path), name, recipe, progress)
    if not path.is_file():
        raise ListError(f"{name} is neither a file nor a folder.")
    unpacked = unpack(path, name, work / "unpacked")
    total, checksum = _measured([path], path.parent, name)
    if unpacked.is_dir():
        inner = _folder(_only(unpacked), name, recipe, progress)
        return Bundle(inner.format, inner.bytes, checksum, inner.entries)
    lines = Lines.of_file(unpacked, name, progress)
    format_ = recipe.format or tell_format(lines)
    if format_ is Format.V2FLY:
        lists = V2flyLists({_stem(name): lines}.get)
        return Bundle(format_, total, checksum, lists.read(_selection(recipe, name)))
    if recipe.parts:
        raise ListError(f"{name} is one list, so there is no part of it to name.")
    return Bundle(
        format_, unpacked.stat().st_size, checksum, read_file(lines, format_, recipe.column)
    )


def open_each(
    path: Path, name: str, recipe: Recipe, work: Path, progress: Progress
) -> Iterator[tuple[str, Iterator[Found]]]:
    """Give every list of a folder, file or archive by itself, with its name. Raises ListError.

    With parts, only those, and for v2fly the lists that they include.
    """
    unpacked = unpack(path, name, work / "unpacked") if path.is_file() else path
    if not unpacked.is_dir():
        yield _stem(name), open_bundle(path, name, recipe, work, progress).entries
        return
    folder = _only(unpacked)
    files = _files(folder, name)
    categories = _categories(files, folder)
    if recipe.format not in (None, Format.V2FLY) or (recipe.format is None and categories):
        format_ = recipe.format or Format.SQUIDGUARD
        groups = categories or {file.name: [file] for file in files}
        for part in recipe.parts or groups:
            entries = _each(groups.get(part, []), folder, format_, recipe.column, progress)
            yield (part if part != "." else _stem(name)), entries
        return
    lists = _v2fly_lists(folder, files)
    reader = _v2fly_reader(lists, progress)
    wanted = [Selection.parse(part).name for part in recipe.parts]
    for list_name in reader.reached(wanted or lists):
        yield list_name, reader.own(list_name)


def _selection(recipe: Recipe, name: str) -> Selection:
    if len(recipe.parts) > 1:
        raise ListError(f"{name} is one list, so there is no second part of it to name.")
    wanted = Selection.parse(recipe.parts[0]) if recipe.parts else Selection("")
    return Selection(_stem(name), wanted.attributes)


def _stem(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _only(folder: Path) -> Path:
    """Go down while there is one folder and nothing else, as archives have it."""
    while True:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]


def _folder(folder: Path, name: str, recipe: Recipe, progress: Progress) -> Bundle:
    files = _files(folder, name)
    categories = _categories(files, folder)
    if recipe.format is Format.SQUIDGUARD or (recipe.format is None and categories):
        files = _chosen_categories(categories, recipe.parts, name)
        entries = _each(files, folder, Format.SQUIDGUARD, "", progress)
        return _bundle(Format.SQUIDGUARD, files, folder, name, entries)
    if recipe.format in (None, Format.V2FLY):
        return _v2fly(folder, files, name, recipe, progress)
    assert recipe.format is not None
    files = _chosen_files(files, folder, recipe.parts, name)
    entries = _each(files, folder, recipe.format, recipe.column, progress)
    return _bundle(recipe.format, files, folder, name, entries)


def _bundle(
    format_: Format, files: list[Path], folder: Path, name: str, entries: Iterator[Found]
) -> Bundle:
    return Bundle(format_, *_measured(files, folder, name), entries)


def _files(folder: Path, name: str) -> list[Path]:
    files: list[Path] = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            files.append(path)
        if len(files) > MOST_FILES:
            raise ListError(f"{name} has more than {MOST_FILES:,} files in it.")
    if not files:
        raise ListError(f"{name} has no files in it.")
    return sorted(files)


def _categories(files: list[Path], folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files:
        if path.name in FILES_OF_SQUIDGUARD:
            category = path.parent.relative_to(folder).as_posix()
            found.setdefault(category, []).append(path)
    return found


def _chosen_categories(
    categories: dict[str, list[Path]], parts: tuple[str, ...], name: str
) -> list[Path]:
    if not categories:
        raise ListError(f"{name} has no file called 'domains' or 'urls' in it.")
    if not parts and len(categories) > 1:
        raise ListError(
            f"{name} has several categories; name what you want with --part: {_few(categories)}."
        )
    chosen = parts or tuple(categories)
    for part in chosen:
        if part not in categories and not (part == _stem(name) and "." in categories):
            raise ListError(f"{name} has no category '{part}'. {suggestion(part, categories)}")
    return [path for part in chosen for path in categories.get(part, categories.get(".", []))]


def _chosen_files(files: list[Path], folder: Path, parts: tuple[str, ...], name: str) -> list[Path]:
    if not parts:
        return files
    known = {path.relative_to(folder).as_posix(): path for path in files}
    for part in parts:
        if part not in known:
            raise ListError(f"{name} has no file '{part}'. {suggestion(part, known)}")
    return [known[part] for part in parts]


def _v2fly(
    folder: Path, files: list[Path], name: str, recipe: Recipe, progress: Progress
) -> Bundle:
    lists = _v2fly_lists(folder, files)
    if not recipe.parts:
        raise ListError(f"{name} is a folder; name the lists you want with --part: {_few(lists)}.")
    wanted = [Selection.parse(part) for part in recipe.parts]
    for selection in wanted:
        if selection.name not in lists:
            known = suggestion(selection.name, lists)
            raise ListError(f"{name} has no list '{selection.name}'. {known}".rstrip())
    reader = _v2fly_reader(lists, progress)
    entries = (found for selection in wanted for found in reader.read(selection))
    return _bundle(Format.V2FLY, sorted(lists.values()), folder, name, entries)


def _v2fly_lists(folder: Path, files: list[Path]) -> dict[str, Path]:
    data = folder / "data" if (folder / "data").is_dir() else folder
    return {
        path.name.lower(): path
        for path in files
        if path.parent == data and NAME.fullmatch(path.name)
    }


def _v2fly_reader(lists: dict[str, Path], progress: Progress) -> V2flyLists:
    def lines_of(name: str) -> Lines | None:
        path = lists.get(name)
        return Lines.of_file(path, path.name, progress) if path else None

    return V2flyLists(lines_of, tuple(lists))


def _each(
    files: list[Path], folder: Path, format_: Format, column: str, progress: Progress
) -> Iterator[Found]:
    for path in files:
        lines = Lines.of_file(path, path.relative_to(folder).as_posix(), progress)
        yield from read_file(lines, format_, column)


def _measured(files: list[Path], folder: Path, name: str) -> tuple[int, str]:
    """Give the bytes of all files together, and a checksum of their names and contents.

    The checksum of a single file is the usual one, as `sha256sum` gives it.
    """
    total, digest = 0, sha256()
    try:
        for path in files:
            total += path.stat().st_size
            if total > MOST_BYTES:
                raise ListError(f"{name} is too large; a list has at most {size(MOST_BYTES)}.")
            with path.open("rb") as file:
                inner = file_digest(file, partial(sha256)).hexdigest()
            if len(files) == 1:
                return total, inner
            digest.update(f"{inner} {path.relative_to(folder).as_posix()}\n".encode())
    except OSError as error:
        raise ListError(f"{name} cannot be read: {error.strerror or error}.") from error
    return total, digest.hexdigest()


def _few(names: dict[str, list[Path]] | dict[str, Path]) -> str:
    shown = ", ".join(list(names)[:12])
    return f"{shown}, … ({len(names):,} in all)" if len(names) > 12 else shown
