"""Real values within text that a twin would take over: comments, rules and conditions of indexes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, LiteralString

from psycopg import errors, sql

from synth.domain import RARE, Kind
from synth.warehouse.catalog import describe
from synth.warehouse.session import identifier, limit_time, translate_errors

if TYPE_CHECKING:
    from collections.abc import Collection

    from synth.domain import Column, Relation
    from synth.warehouse.session import Connection

SHORTEST = 5  # characters of a value that can be told from a word by chance
TEXTUAL = frozenset({Kind.TEXT, Kind.UUID, Kind.OPAQUE})
# Values of columns that rows do not share, and of numbers that are all different, where they are in the
# text or have one of its words with digits in them.
CELLS: LiteralString = """
with

cells as (
    select {column}::pg_catalog.text as cell, pg_catalog.count(*) as holders
    from {relation}
    where {column} is not null
    group by 1
),

sharing as (
    select
        case
            when {is_number} then pg_catalog.max(holders) operator(pg_catalog.>) 1
            else 2 * pg_catalog.sum(holders) filter (where holders >= {rare}) >= pg_catalog.sum(holders)
        end as is_shared
    from cells
)

select cell
from cells
where
    holders < {rare}
    and not coalesce((select is_shared from sharing), false)
    and pg_catalog.length(cell) >= {shortest}
    and (
        pg_catalog.strpos(pg_catalog.lower({text}), pg_catalog.lower(cell)) > 0
        or exists (
            select from pg_catalog.unnest({words}::pg_catalog.text[]) as words(word)
            where pg_catalog.strpos(pg_catalog.lower(cell), word) > 0
        )
    )
limit 1000
"""
_WITH_DIGITS = re.compile(r"[^\s'\"(),;=<>]*\d[^\s'\"(),;=<>]*")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_LIST = re.compile(r"ARRAY\[[^\]]*\]|'\{[^']*\}'")
_NUMBER = re.compile(r"(?<![\w.])\d{5,}(?![\w.])")


def telling_texts(session: Connection, relation: Relation, texts: Collection[str]) -> frozenset[str]:
    """Return which of the texts hold a value of the relation that only a few of its rows have.

    Where the time does not suffice to tell, all of them do.

    Raises:
        WarehouseError: Postgres refused.
    """
    texts = {text for text in texts if len(text) >= SHORTEST}
    telling: set[str] = set()
    with translate_errors(f"look for values of {relation} in its comments and rules"):
        for column in describe(session, relation) if texts else ():
            if column.kind not in {*TEXTUAL, Kind.INTEGER, Kind.DECIMAL} or column.is_enum:
                continue
            cells = _cells(session, relation, column, texts - telling)
            if cells is None:
                return frozenset(texts)
            telling |= {text for text in texts if any(_is_within(cell, text) for cell in cells)}
    return frozenset(telling)


def literals_of(definition: str) -> str:
    """Return the texts and the long numbers that SQL compares with, one a line."""
    quoted = [literal.replace("''", "'") for literal in _LITERAL.findall(definition)]
    numbers = _NUMBER.findall(_LITERAL.sub(" ", definition))
    return "\n".join(one for one in (*quoted, *numbers) if len(one) >= SHORTEST)


def without_lists(definition: str) -> str:
    """Return SQL as Postgres prints it without the lists of labels in it."""
    return _LIST.sub(" ", definition)


def _cells(
    session: Connection, relation: Relation, column: Column, texts: Collection[str]
) -> list[str] | None:
    """Return the values of a column that may be in the texts; None where the time did not suffice."""
    query = sql.SQL(CELLS).format(
        column=sql.Identifier(column.name),
        relation=identifier(relation),
        is_number=sql.Literal(column.kind not in TEXTUAL),
        rare=sql.Literal(RARE),
        shortest=sql.Literal(SHORTEST),
        text=sql.Literal("\n".join(sorted(texts))),
        words=sql.Literal(sorted({word for text in texts for word in _words(text)})),
    )
    try:
        with limit_time(session):
            return [str(cell) for (cell,) in session.execute(query).fetchall()]
    except errors.QueryCanceled:
        return None


def _words(text: str) -> set[str]:
    words = (word.strip(".:!?").casefold() for word in _WITH_DIGITS.findall(text))
    return {word for word in words if len(word) >= SHORTEST}


def _is_within(cell: str, text: str) -> bool:
    """Return whether a text has the value, or the value a word of the text with digits in it."""
    cell, text = cell.casefold(), text.casefold()
    return _has(text, cell) or any(_has(cell, word) for word in _words(text))


def _has(text: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None
