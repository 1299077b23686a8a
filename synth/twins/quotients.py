"""Numbers of a row as shares of a number of what the row refers to: a price, of that in the price list.

Noise blurs prices of a hundred goods beyond use. Their shares of the list's prices are a few numbers, such as
1 and 0.8, which it leaves alone. The list is public; which columns go together, their names say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from synth.columns.conform import as_plain
from synth.domain import Kind, plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Column, ForeignKey
    from synth.guarantee import ColumnDomain
    from synth.sampling.context import RunContext

MOST = 2.0  # times the number of the list; what is more counts as that
DECIMALS = 2  # of the share
MEASURE_KINDS = frozenset({Kind.DECIMAL, Kind.FLOAT})


@dataclass(frozen=True, slots=True)
class Quotient:
    """A number that is counted as its share of one of the row that `key` refers to.

    Attributes:
        column: the number.
        key: the column with the label of the public row.
        whole: the public row's number by its label.
        decimals: of the number; None where it has any.
    """

    column: str
    key: str
    whole: Mapping[Any, float]
    decimals: int | None


def with_quotients(
    domains: Mapping[str, ColumnDomain], quotients: Sequence[Quotient]
) -> dict[str, ColumnDomain]:
    """Return the domains with shares in place of the numbers. Nothing here depends on rows."""
    return {**domains, **{one.column: _domain(domains[one.column]) for one in quotients}}


def _domain(domain: ColumnDomain) -> ColumnDomain:
    return replace(domain, low=0.0, high=MOST, decimals=DECIMALS, steps=(), largest=None)


def quotients_of(
    treatments: Sequence[Treatment], domains: Mapping[str, ColumnDomain], context: RunContext
) -> tuple[Quotient, ...]:
    """Return the numbers that are called as one number of a public table to which the rows refer.

    A number of which bounds are declared stays, and so does one that two tables could explain.

    Raises:
        WarehouseError: Postgres refused.
    """
    measures = [one.column for one in treatments if _is_free(one.column, domains)]
    quotients: dict[str, list[Quotient]] = {one.name: [] for one in measures}
    for treatment in treatments if measures else ():
        key = treatment.parent
        domain = domains.get(treatment.column.name)
        if key is None or not key.public or domain is None or domain.labels is None:
            continue
        for column, whole in _pairs(measures, key, context):
            quotients[column.name].append(Quotient(column.name, treatment.column.name, whole, column.scale))
    return tuple(candidates[0] for candidates in quotients.values() if len(candidates) == 1)


def _is_free(column: Column, domains: Mapping[str, ColumnDomain]) -> bool:
    domain = domains.get(column.name)
    return domain is not None and column.kind in MEASURE_KINDS and not domain.complete


def _pairs(
    measures: Sequence[Column], key: ForeignKey, context: RunContext
) -> list[tuple[Column, Mapping[Any, float]]]:
    """Return measures with the one column of the parent that is called alike, above 0 in all its rows."""
    relation = key.public_rows
    if relation is None:
        return []
    table = context.sql_facts.tables.get(key.parent)
    figures = table.figures if table is not None else ()
    columns = {one.name: one for one in context.warehouse.describe(relation) if one.name not in figures}
    pairs: list[tuple[Column, Mapping[Any, float]]] = []
    for measure in measures:
        alike = [one for one in columns.values() if one.kind in MEASURE_KINDS and _are_alike(one, measure)]
        if len(alike) == 1 and key.parent_column in columns:
            rows = context.snapshot.extract(relation, [columns[key.parent_column], alike[0]])
            labels, numbers = (as_plain(rows.column(place)) for place in range(2))
            whole = pd.to_numeric(numbers).astype("float64")
            if (whole > 0).all():
                pairs.append((measure, dict(zip(labels, whole, strict=True))))
    return pairs


def _are_alike(one: Column, other: Column) -> bool:
    """Return whether the last words of two names are the same: `unit_price` and `list_price`."""
    return plain_words(one.name)[-1:] == plain_words(other.name)[-1:]


def as_shares(frame: pd.DataFrame, quotients: Sequence[Quotient]) -> pd.DataFrame:
    """Return the rows with shares in place of numbers."""
    return frame.assign(
        **{
            one.column: (pd.to_numeric(frame[one.column]).astype("float64") / frame[one.key].map(one.whole))
            .round(DECIMALS)
            .astype("Float64")
            for one in quotients
        }
    )


def as_numbers(frame: pd.DataFrame, quotients: Sequence[Quotient]) -> pd.DataFrame:
    """Return the rows with numbers in place of shares."""
    whole = frame.copy()
    for one in quotients:
        values = pd.to_numeric(frame[one.column]).astype("float64") * frame[one.key].map(one.whole)
        whole[one.column] = values if one.decimals is None else values.round(one.decimals)
    return whole
