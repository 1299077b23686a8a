"""Numbers of the rows of one owner that add up to what the owner has, made so in rows of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from synth.warehouse.rules import PLACE
from synth.warehouse.session import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Across
    from synth.warehouse.across import FactTable

# The largest takes what is missing or too much, so that round amounts beside it stay round. Where nothing
# would be left of it, all are scaled, and it takes what rounding leaves.
UPDATE: LiteralString = """
update {model} as target
set {column} = (said.share + case when said.first then said.total - said.shares else 0 end)::{type}
from (
    select *, pg_catalog.sum(share) over (partition by own) as shares
    from (
        select
            {place}, own, total, first,
            case
                when most + total - whole > 0 or whole = 0 then value
                else {ratio}
            end as share
        from (
            select
                one.{place}, one.{own} as own, one.{column}::{exact} as value,
                other.{source}::{exact} as total,
                pg_catalog.sum(one.{column}::{exact}) over each_owner as whole,
                pg_catalog.max(one.{column}::{exact}) over each_owner as most,
                pg_catalog.row_number() over (
                    partition by one.{own} order by one.{column} desc nulls last, one.{place}
                ) = 1 as first
            from {model} as one join {other} as other on other.{key} operator(pg_catalog.=) one.{own}
            window each_owner as (partition by one.{own})
        ) as drawn
        where total is distinct from whole
    ) as shared
) as said
where target.{place} = said.{place} and said.total is not null and said.share is not null
"""
RATIO: LiteralString = "value * total / whole"
MOST_PRECISE: LiteralString = "greatest(pg_catalog.scale(value), pg_catalog.scale(total))"


def let_add_up(fact: Across, tables: Mapping[str, FactTable], *, inexact: bool) -> sql.Composed:
    """Return the statement by which the column adds up to the source of each owner, in numbered rows of ours.

    Args:
        fact: whose `model` has the parts, and whose `other` has the whole.
        tables: where they are.
        inexact: whether the column holds binary numbers, which are not rounded.
    """
    kind = tables[fact.model].types[fact.column]
    ratio: sql.Composable = sql.SQL(RATIO)
    if not inexact:
        digits = re.fullmatch(r"numeric\(\d+,(-?\d+)\)", kind)
        places = sql.SQL(digits.group(1) if digits else MOST_PRECISE if kind == "numeric" else "0")
        ratio = sql.SQL("pg_catalog.round({}, {})").format(ratio, places)
    return sql.SQL(UPDATE).format(
        model=identifier(tables[fact.model].relation),
        other=identifier(tables[fact.other].relation),
        column=sql.Identifier(fact.column),
        source=sql.Identifier(fact.source),
        own=sql.Identifier(fact.own),
        key=sql.Identifier(fact.key),
        place=sql.Identifier(PLACE),
        type=sql.SQL(kind),
        exact=sql.SQL("double precision" if inexact else "numeric"),
        ratio=ratio,
    )
