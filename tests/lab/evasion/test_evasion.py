"""The evasion table, row by row, from a device behind the whole gateway.

`python -m tests.lab.evasion` prints the same table.
"""

from __future__ import annotations

import pytest

from tests.lab.evasion.ground import Ground
from tests.lab.evasion.row import Row
from tests.lab.evasion.table import TABLE
from tests.lab.internet import lab_missing

_WHY_NOT = lab_missing("haproxy")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]


def _name(row: Row) -> str:
    return f"{row.theme}: {row.case}: {row.verdict}"


def _name_selective(row: Row) -> str:
    return f"{row.theme}: {row.case}: {row.selective}"


@pytest.mark.parametrize("row", TABLE, ids=_name)
def test_over_ipv4(full: Ground, row: Row) -> None:
    full.judge(row)


@pytest.mark.parametrize("row", [row for row in TABLE if row.six], ids=_name)
def test_over_ipv6(full: Ground, row: Row) -> None:
    full.judge(row, six=True)


@pytest.mark.parametrize("row", [row for row in TABLE if row.selective], ids=_name_selective)
def test_in_selective_mode(selective: Ground, row: Row) -> None:
    selective.judge(row.in_selective_mode())


def test_every_row_has_a_name_of_its_own() -> None:
    names = [(row.theme, row.case) for row in TABLE]
    assert len(names) == len(set(names))
