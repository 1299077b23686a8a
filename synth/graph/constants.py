"""Labels that the SQL of a project writes down: what a `case` can come to is public."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth.domain import Kind, PublicValues
from synth.graph.lineage import root
from synth.graph.origins import Aggregate, ChoiceOrigin, ColumnRef, Expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlglot.expressions import Expr

    from synth.domain import Model
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage

SOURCE = "its SQL"


def with_sql_labels(model: Model, lineages: Mapping[str, NodeLineage], look: RelationLook | None) -> Model:
    """Return the model with the labels of those text columns that SQL chooses from constants."""
    names = {} if look is None else look.columns
    texts = [name for name, column in names.items() if column.kind is Kind.TEXT]
    stated_columns = {one.column for one in model.public if one.labels}
    labels = {
        name: _labels(ColumnRef(model.unique_id, name), lineages)
        for name in texts
        if name not in stated_columns
    }
    more = (PublicValues(name, tuple(some), source=SOURCE) for name, some in labels.items() if some)
    return replace(model, public=(*model.public, *more))


def _labels(column: ColumnRef, lineages: Mapping[str, NodeLineage]) -> list[str]:
    """Return all labels that a column can have; none where anything else may stand there."""
    first = root(lineages, column)
    origin = lineages[first.node].columns.get(first.column) if first.node in lineages else None
    if not isinstance(origin, Expression | ChoiceOrigin | Aggregate) or "CASE" not in origin.sql.upper():
        return []
    import sqlglot  # noqa: PLC0415 - the parser takes its time to load

    try:
        tree = sqlglot.parse_one(origin.sql, read="postgres")
    except sqlglot.errors.SqlglotError:
        return []
    outcomes = list(dict.fromkeys(_outcomes(tree)))
    return [] if None in outcomes else [one for one in outcomes if one is not None]


def _outcomes(tree: Expr | None) -> Iterator[str | None]:
    """Yield the texts that an expression can be, NULL apart; None for what is no constant."""
    from sqlglot import exp  # noqa: PLC0415

    match tree:
        case None | exp.Null():
            return
        case exp.Literal():
            yield tree.name if tree.is_string else None
        case exp.Cast() | exp.Paren():
            yield from _outcomes(tree.this)
        case exp.Coalesce():
            yield from _outcomes(tree.this)
            for one in tree.expressions:
                yield from _outcomes(one)
        case exp.Case():
            for branch in tree.args["ifs"]:
                yield from _outcomes(branch.args["true"])
            yield from _outcomes(tree.args.get("default"))
        case _:
            yield None
