"""A database of its own for one benchmark, on the embedded services of this checkout."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from synth.demo import services_root
from synth.services import up

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
NAME = "benchmark"


@contextmanager
def scratch_database() -> Iterator[dict[str, str]]:
    """The environment of a fresh database, which is dropped afterwards."""
    environment = up(services_root(ROOT)).environment()
    with psycopg.connect(**conninfo(environment), autocommit=True) as session:  # type: ignore[arg-type] # all text
        session.execute(f"drop database if exists {NAME} with (force)")
        session.execute(f"create database {NAME}")
        try:
            yield {**environment, "PGDATABASE": NAME}
        finally:
            session.execute(f"drop database if exists {NAME} with (force)")


def conninfo(environment: dict[str, str]) -> dict[str, str]:
    """The environment as psycopg.connect(**…) takes it."""
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    return {name: environment[variable] for name, variable in names.items()}
