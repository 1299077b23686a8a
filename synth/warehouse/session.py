"""Connections to Postgres, and the one place where its errors become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import errors, sql

from synth.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.domain import Relation

Connection = psycopg.Connection[tuple[object, ...]]

# Names mean what Postgres itself means by them, whatever stands in other schemas. What COPY prints must not
# depend on the server's settings; hidden rows must be an error, not an absence; plans evaluate no check.
SETTINGS: LiteralString = """
set search_path = pg_catalog, pg_temp;
set constraint_exclusion = off;
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set bytea_output = 'hex';
set extra_float_digits = 1;
set row_security = off;
set standard_conforming_strings = on;
"""
# Training takes as long as it takes, and two sessions wait for it; not every version knows all of these.
PATIENCE: LiteralString = """
select pg_catalog.set_config(name, '0', false)
from pg_settings
where name in ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')
"""

STATEMENT_TIMEOUT: LiteralString = """
select setting::pg_catalog.int8
from pg_catalog.pg_settings
where name operator(pg_catalog.=) 'statement_timeout'
"""
LONGEST = 20_000  # milliseconds that one query may take; less where the server allows less

# A query of the user's means what it means in the sessions of dbt; it is parsed there, and runs elsewhere.
USERS_PATH: LiteralString = "set local search_path to default"
OWN_PATH: LiteralString = "set local search_path = pg_catalog, pg_temp"
# SQLSTATE classes whose messages quote values: data exceptions, violated constraints, `raise` in functions.
QUOTING_CLASSES = ("22", "23", "P0")
HINTS: dict[type[psycopg.Error], str] = {
    errors.LockNotAvailable: "somebody else holds a lock on it; when that has ended, run again",
    errors.DependentObjectsStillExist: "drop or move what depends on it, or run without --full-refresh",
    errors.DiskFull: "make room on the server, and run again",
}


def identifier(relation: Relation) -> sql.Identifier:
    """Return the relation as SQL, quoted."""
    return sql.Identifier(relation.schema, relation.name)


def open_session(conninfo: Mapping[str, str | int], role: str | None) -> Connection:
    """Return a connection in autocommit mode with fixed output settings, acting as `role` if one is given.

    Raises:
        WarehouseError: the server cannot be reached or does not let us in.
    """
    where = f"{conninfo.get('host', 'localhost')}:{conninfo.get('port', 5432)}/{conninfo.get('dbname', '')}"
    parameters = {"fallback_application_name": "synth", **conninfo}
    with translate_errors(f"connect to {where}", "check the profile with: synth debug"):
        session = psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type] # libpq takes both
        try:
            session.execute(SETTINGS)
            session.execute(PATIENCE)
            if role:
                session.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        except BaseException:
            session.close()
            raise
    return session


@contextmanager
def at_snapshot(session: Connection, name: str) -> Iterator[None]:
    """Open a transaction that sees the moment of an exported snapshot."""
    with session.transaction():
        session.execute("set transaction isolation level repeatable read, read only")
        session.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(name)))
        yield


@contextmanager
def translate_errors(action: str, hint: str = "") -> Iterator[None]:
    """Turn any Postgres error inside into a `WarehouseError` that says what `action` failed.

    The message never quotes a value: for errors about values it names the condition and the place instead.
    """
    try:
        yield
    except psycopg.Error as error:
        hint = next((text for kind, text in HINTS.items() if isinstance(error, kind)), hint)
        tail = f" Next: {hint}." if hint else ""
        raise WarehouseError(f"Could not {action}: {describe_error(error)}.{tail}") from None


def describe_error(error: psycopg.Error) -> str:
    """Return one line on what Postgres said, without values."""
    state, diagnosis = error.sqlstate or "", error.diag
    if not state:  # libpq's own words: the reason stands last in the first line
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = lines[0].rpartition("failed: ")[2] if lines else type(error).__name__
        return text.removeprefix("FATAL:").strip().rstrip(".")
    if state.startswith(QUOTING_CLASSES):
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
    text = (diagnosis.message_primary or type(error).__name__).rstrip(".")
    if isinstance(error, errors.DependentObjectsStillExist):  # the detail names them, and holds no value
        text += f": {'; '.join((diagnosis.message_detail or '').splitlines())}"
    return f"{text} ({state})"


@contextmanager
def limit_time(session: Connection) -> Iterator[None]:
    """Open a transaction that only reads, and whose queries end in time."""
    with session.transaction():
        session.execute("set transaction read only")
        row = session.execute(STATEMENT_TIMEOUT).fetchone()
        limit = int(str(row[0])) if row else 0
        most = min(LONGEST, limit or LONGEST)
        session.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(most)))
        yield
