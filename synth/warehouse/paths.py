"""What bare names mean in sessions that are not pinned: dbt's, which run the project's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.warehouse.session import USERS_PATH, translate_errors
from synth.warehouse.trust import TRUSTED_ROLES

if TYPE_CHECKING:
    from synth.warehouse.session import Connection

# Functions and operators of untrusted roles with the name of one of Postgres' own, and other arguments: what
# fits better is called, wherever it stands on the path.
ON_PATH: LiteralString = """
select called.name, pg_catalog.pg_get_userbyid(called.owner)::text
from (
    select
        'function ' || pg_proc.oid::pg_catalog.regprocedure::text as name,
        pg_proc.proowner as owner,
        pg_proc.pronamespace as namespace
    from pg_catalog.pg_proc
    where pg_proc.proname in (
        select own.proname from pg_catalog.pg_proc as own
        where own.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
    )

    union all

    select
        'operator ' || pg_operator.oid::pg_catalog.regoperator::text,
        pg_operator.oprowner,
        pg_operator.oprnamespace
    from pg_catalog.pg_operator
    where pg_operator.oprname in (
        select own.oprname from pg_catalog.pg_operator as own
        where own.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
    )
) as called
join pg_catalog.pg_namespace on pg_namespace.oid = called.namespace
where pg_namespace.nspname = any(%(path)s::pg_catalog.text[]) and called.owner not in ({trusted})
order by 1
limit 1
"""


def foreign_on_path(session: Connection) -> str:
    """Return something of an untrusted role that the project's SQL may call unawares; empty if nothing is."""
    query = sql.SQL(ON_PATH).format(trusted=sql.SQL(TRUSTED_ROLES))
    with translate_errors("look up what names mean"):
        with session.transaction():
            session.execute(USERS_PATH)
            row = session.execute("select pg_catalog.current_schemas(false)::pg_catalog.text[]").fetchone()
        row = session.execute(query, {"path": row[0] if row else []}).fetchone()
    return "" if row is None else f"{row[0]}, which belongs to {row[1]}"
