"""People from a table (CSV), as a school's office exports them.

The columns are `id`, `name`, `role`, and if wanted `groups`, `addresses`, `devices` and `accounts`,
in any order; several groups or addresses stand in one cell with spaces between them. Spreadsheets
add a mark or a line (`sep=;`) at the front, end lines as Windows does, and use semicolons or tabs
in places: all of that is read. Each row becomes the same node that the YAML would have been, so it
is checked likewise.
"""

import csv
import re
from collections.abc import Iterator

from rules.faults import FaultList, Spot, shown
from rules.nodes import MOST_BYTES, Mapping, Node, Scalar, Sequence

_NEEDED = ("id", "name", "role")
_SEVERAL = ("groups", "addresses", "devices", "accounts")
MOST_PEOPLE = 10_000
_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)


class _Unclosed(Exception):
    """A quote in the row that begins on this line leads nowhere."""

    def __init__(self, line: int) -> None:
        self.line = line


def read_people(data: bytes, file: str, faults: FaultList) -> Mapping | None:
    """Read a table's bytes as a mapping of people by id; None, with the faults noted, if bad."""
    try:
        text = _text(data)
    except ValueError as error:
        fault, _, remedy = str(error).partition("|")
        faults.add(Spot(file, 1), fault, remedy)
        return None
    rows = _rows(text)
    try:
        line, header = next(rows, (1, []))
        columns = [cell.strip().lower() for cell in header]
        if not _good_columns(columns, Spot(file, line), faults):
            return None
        return _people(rows, columns, file, faults)
    except _Unclosed as error:
        faults.add(
            Spot(file, error.line),
            "A quote that opens in this line is not closed, or closes too early.",
            'Write " twice where it is part of a cell, and once at its beginning and end.',
        )
        return None


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise ValueError("The table is too large: more than 1,024 KB.|Is it the right file?")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ValueError("This is a spreadsheet's own file.|Save it as CSV UTF-8.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("The table is saved as UTF-16.|Save it as CSV UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("The table is not UTF-8.|Save it as CSV UTF-8.") from error
    if not text.strip() or re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        raise ValueError("This is not a table.|Save it as CSV UTF-8, with a line of column names.")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    lines = text.splitlines()
    # Excel writes, and obeys, a first line that says what stands between the cells.
    said = _SEPARATOR.fullmatch(lines[0])
    before = 1 if said else 0
    first = lines[before] if before < len(lines) else ""
    delimiter = said[1] if said else max(",;\t", key=first.count)
    reader = csv.reader(lines[before:], delimiter=delimiter, strict=True)
    begins = before + 1
    try:
        for row in reader:
            yield before + reader.line_num, row
            begins = before + reader.line_num + 1
    except csv.Error as error:
        raise _Unclosed(begins) from error


def _good_columns(columns: list[str], spot: Spot, faults: FaultList) -> bool:
    known = (*_NEEDED, *_SEVERAL)
    missing = [name for name in _NEEDED if name not in columns]
    unknown = [name for name in columns if name not in known]
    twice = {name for name in columns if columns.count(name) > 1}
    for name in missing:
        faults.add(
            spot, f"The column '{name}' is missing.", f"The columns are: {', '.join(known)}."
        )
    for name in unknown:
        faults.add(spot, f"There is no column {shown(name)}.", faults.suggestion(name, known))
    for name in sorted(twice):
        faults.add(spot, f"The column {shown(name)} is there twice.", "Keep one of them.")
    return not (missing or unknown or twice)


def _people(
    rows: Iterator[tuple[int, list[str]]], columns: list[str], file: str, faults: FaultList
) -> Mapping:
    entries: dict[str, tuple[Scalar, Node]] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        spot = Spot(file, line)
        if len(row) != len(columns):
            faults.add(
                spot,
                f"This line has {len(row)} cells, and the first line has {len(columns)} columns.",
                "Put quotes round a cell with a comma in it.",
            )
            continue
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
        name = cells.pop("id")
        if name in entries:
            first = entries[name][0].spot.line
            faults.add(spot, f"{shown(name)} is here twice; the first is on line {first}.")
            continue
        if len(entries) == MOST_PEOPLE:
            faults.add(
                spot, f"There are more than {MOST_PEOPLE:,} people.", "Is it the right file?"
            )
            break
        key = f"people.{name}" if name.isprintable() else "people"
        entries[name] = (Scalar(spot, name, "text"), _person(cells, Spot(file, line, key)))
    return Mapping(Spot(file, 1, "people"), tuple(entries.values()), 1 + 8 * len(entries))


def _person(cells: dict[str, str], spot: Spot) -> Mapping:
    entries: list[tuple[Scalar, Node]] = []
    for column, cell in cells.items():
        place = spot.under(column)
        if column in _SEVERAL:
            words = [Scalar(place, word, "text") for word in re.split(r"[\s,;]+", cell) if word]
            if words:
                value = Sequence(place, tuple(words), 1 + len(words))
                entries.append((Scalar(spot, column, "text"), value))
        else:
            entries.append((Scalar(spot, column, "text"), Scalar(place, cell, "text")))
    return Mapping(spot, tuple(entries), 1 + 2 * len(entries))
