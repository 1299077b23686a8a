"""What several integration tests need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.warehouse import Warehouse
from tests.attacks import attack

__all__ = ["attack"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services import Database


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, database: Database) -> Iterator[Warehouse]:
    """A warehouse with the `TABLES` of the test's module."""
    with database.connect() as session:
        session.execute(request.module.TABLES)
    with Warehouse(database.conninfo) as warehouse:
        yield warehouse
