"""One lab for all tests of the gateway: each puts its own rules in force and takes them away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.gateway.box import Box, gateway_box


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with gateway_box(tmp_path_factory.mktemp("gateway"), clients=3) as box:
        yield box
