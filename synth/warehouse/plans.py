"""Code that is run because a query on a table is planned: what an index or statistics call on constants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, LiteralString

from synth.warehouse.trust import Attachment, foreign_calls, owner_of

if TYPE_CHECKING:
    from synth.domain import Relation
    from synth.warehouse.session import Connection
    from synth.warehouse.trust import Call

TREES: LiteralString = """
select coalesce(pg_index.indexprs::text, '') || coalesce(pg_index.indpred::text, '')
from pg_catalog.pg_index
where pg_index.indrelid = %(oid)s

union all

select coalesce(pg_statistic_ext.stxexprs::text, '')
from pg_catalog.pg_statistic_ext
where pg_statistic_ext.stxrelid = %(oid)s
"""
KINDS = frozenset({Attachment.INDEX, Attachment.STATISTICS})
CALLS = re.compile(r"[{](?:FUNC|OP)EXPR ")
COLUMN = "{VAR "


def run_by_plans(session: Connection, relation: Relation) -> tuple[Call, ...]:
    """Return the foreign code that planning any query on a table runs.

    Postgres folds calls of immutable functions on constants while it plans, whether or not the index is used.
    """
    calls = foreign_calls(session, relation, of=relation, kinds=KINDS)
    place = owner_of(session, relation)
    if not calls or place is None:
        return ()
    trees = [str(tree) for (tree,) in session.execute(TREES, {"oid": place[0]}).fetchall()]
    return calls if any(map(_calls_on_constants, trees)) else ()


def _calls_on_constants(tree: str) -> bool:
    """Return whether an expression, as the catalog writes it, has a call that reads no column."""
    return any(
        COLUMN not in tree[call.start() : _end_of(tree, call.start())] for call in CALLS.finditer(tree)
    )


def _end_of(tree: str, start: int) -> int:
    """Return the place of the brace that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tree)):
        depth += {"{": 1, "}": -1}.get(tree[place], 0)
        if not depth:
            return place
    return len(tree)
