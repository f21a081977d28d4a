"""Tables (CSV) in which one column holds the names."""

import csv
from collections.abc import Iterator, Sequence

from rules.lists.entries import Entry, Found, ListError, Skipped, Why, addressed
from rules.lists.name_lists import domain
from rules.lists.texts import Lines

COLUMNS = ("domain", "host", "hostname", "url", "site", "website", "name", "address")
SEPARATORS = ",;\t|"


def read_table(lines: Lines, column: str = "") -> Iterator[Found]:
    """Read one column: the named one, else the first whose heading says domain, host or url.

    Without such a heading it is the first column, and the first row is a name like any other.
    Raises ListError if the named column is not there, or if a quotation mark is never closed.
    """
    rows = csv.reader((text for _, text in lines), delimiter=separator(lines), strict=True)
    place: int | None = None
    try:
        for row in rows:
            if place is None:
                if not any(row):
                    continue
                heading = [cell.strip().lower() for cell in row]
                place = _place(heading, column.strip().lower(), lines.file)
                if heading[place] in COLUMNS or column:
                    continue
            yield _entry(row, place, lines.file, rows.line_num)
    except csv.Error as error:
        raise ListError(
            f"{lines.file}:{rows.line_num}: this row of the table cannot be read ({error})."
        ) from error


def separator(lines: Lines) -> str:
    """Give the sign that parts the columns: the most frequent one in the first line with text."""
    first = next((text for _, text in lines if text), "")
    return max(SEPARATORS, key=first.count)


def _place(heading: Sequence[str], column: str, file: str) -> int:
    if column and column not in heading:
        known = ", ".join(f"'{name}'" for name in heading[:12])
        raise ListError(f"{file} has no column '{column}'; its columns are {known}.")
    wanted = (column,) if column else COLUMNS
    return next((heading.index(name) for name in wanted if name in heading), 0)


def _entry(row: Sequence[str], place: int, file: str, line: int) -> Found:
    cell = row[place].strip() if place < len(row) else ""
    if not cell:
        return Skipped(file, line, Why.EMPTY, ",".join(row))
    found = addressed(cell) if "://" in cell else domain(cell)
    return found if isinstance(found, Entry) else Skipped(file, line, found, cell)
