"""Connections to Postgres, and the one place where its errors become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from synth.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.domain import Relation

Connection = psycopg.Connection[tuple[object, ...]]

# Text that COPY prints must not depend on the server's settings; hidden rows must be an error, not an absence.
SETTINGS: LiteralString = """
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set bytea_output = 'hex';
set extra_float_digits = 1;
set row_security = off;
set idle_in_transaction_session_timeout = 0;
"""

# Classes of SQLSTATE whose messages quote values: data exceptions and integrity violations.
QUOTING = ("22", "23")


def identifier(relation: Relation) -> sql.Identifier:
    """The relation as SQL, quoted."""
    return sql.Identifier(relation.schema, relation.name)


def open_session(conninfo: Mapping[str, str | int], role: str | None) -> Connection:
    """A connection in autocommit mode with fixed output settings, acting as `role` if one is given.

    Raises:
        WarehouseError: the server cannot be reached or does not let us in.
    """
    where = f"{conninfo.get('host', 'localhost')}:{conninfo.get('port', 5432)}/{conninfo.get('dbname', '')}"
    with reported(f"connect to {where}", "check the profile with: synth debug"):
        session = psycopg.connect(**conninfo, autocommit=True)  # type: ignore[arg-type] # libpq takes both
        try:
            session.execute(SETTINGS)
            if role:
                session.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        except BaseException:
            session.close()
            raise
    return session


@contextmanager
def reported(action: str, hint: str = "") -> Iterator[None]:
    """Turn any Postgres error inside into a `WarehouseError` that says what `action` failed.

    The message never quotes a value: for errors about values it names the condition and the place instead.
    """
    try:
        yield
    except psycopg.Error as error:
        tail = f" Next: {hint}." if hint else ""
        raise WarehouseError(f"Could not {action}: {describe_error(error)}.{tail}") from None


def describe_error(error: psycopg.Error) -> str:
    """One line on what Postgres said, without values."""
    state = error.sqlstate or ""
    if not state:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[-1].rstrip(".") if lines else type(error).__name__
    if state.startswith(QUOTING):
        diagnosis = error.diag
        places = [
            f"{word} {name}"
            for word, name in (
                ("column", diagnosis.column_name),
                ("constraint", diagnosis.constraint_name),
                ("type", diagnosis.datatype_name),
            )
            if name
        ]
        return " ".join(["a value was refused,", type(error).__name__, f"({state})", *places])
    return f"{(error.diag.message_primary or type(error).__name__).rstrip('.')} ({state})"
