"""One gateway for the whole table: starting it takes longer than all of its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.evasion.ground import Ground, whole_gateway


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with whole_gateway(tmp_path_factory.mktemp("ground")) as ground:
        yield ground


@pytest.fixture
def full(ground: Ground) -> Ground:
    """In full mode, with nothing still open from the row before."""
    ground.look_back()
    ground.apply("full")
    return ground


@pytest.fixture
def selective(ground: Ground) -> Ground:
    """In selective mode, likewise."""
    ground.look_back()
    ground.apply("selective")
    return ground
