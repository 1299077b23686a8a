"""One row of each key, such as the latest version of a policy: each of its columns is an aggregate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.leaves import OPAQUE, Leaf, Sort, again, bare, text, window_call

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synth.graph.leaves import QueryLeaves, RelationRows


def numbering_of(condition: exp.Expr, leaves: QueryLeaves) -> Leaf | None:
    """Return the window by which a condition leaves the first row of each key; None where it is another.

    Args:
        condition: in terms of leaves, such as `row_number() over (…) = 1`.
        leaves: of the query.
    """
    one = bare(condition)
    sides = [bare(one.left), bare(one.right)] if isinstance(one, exp.EQ) else []
    columns = [each for each in sides if isinstance(each, exp.Column)]
    if "1" not in map(text, sides) or not columns or columns[0].table != OPAQUE:
        return None
    column = columns[0]
    meaning = leaves[column]
    has_order = len(meaning.parts) > 1 and bool(meaning.keys)
    is_number = meaning.sort is Sort.WINDOW and meaning.function == "row_number"
    return meaning if is_number and has_order else None


def order_of(meaning: Leaf) -> list[exp.Ordered]:
    """Return how a window sorts the rows of a key, in terms of leaves."""
    call = window_call(meaning)
    return [] if call is None else [*call.args["order"].expressions]


def take_first(
    rows: RelationRows,
    keys: Sequence[exp.Expr],
    order: Sequence[exp.Ordered],
    leaves: QueryLeaves,
    mark: str,
) -> None:
    """Let every column be what the first row of its key has.

    Args:
        rows: before one is chosen, with the conditions by which some were left out.
        keys: of which one row each is left.
        order: by which it is the first.
        leaves: of the query.
        mark: tells these rows from others.
    """
    grain = tuple(keys)
    names = {*map(text, grain)}
    for name, value in rows.columns.items():
        if text(value) not in names:
            call = _first(value, order, rows.conditions)
            meaning = Leaf(Sort.GROUP, None, (call,), grain, rows.over, "array_agg")
            rows.columns[name] = leaves.opaque(meaning, mark)
    rows.spine, rows.keys, rows.grain, rows.conditions = None, [grain], grain, ()


def sort_places(formula: exp.Expr) -> list[int]:
    """Return the places of columns of `other` by which a formula sorts rows, and that nothing is made of."""
    sorts = {one.name for sort in formula.find_all(exp.Ordered) for one in sort.find_all(exp.Column)}
    rest = {one.name for one in formula.find_all(exp.Column) if one.find_ancestor(exp.Ordered) is None}
    return sorted(map(int, sorts - rest))


def among(call: exp.Expr, conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Return a call of an aggregate over the rows that conditions leave, as one that has them itself."""
    every = [again(one) for one in conditions]
    if not every:
        return call
    own = [again(call.expression.this)] if isinstance(call, exp.Filter) else []
    plain = call.this if isinstance(call, exp.Filter) else call
    where = exp.Where(this=exp.and_(*every, *own, wrap=True))
    return exp.Filter(this=again(plain), expression=where)


def _first(value: exp.Expr, order: Sequence[exp.Ordered], conditions: Sequence[exp.Expr]) -> exp.Expr:
    sorts = [one.copy() for one in order]
    call = exp.ArrayAgg(this=exp.Order(this=again(value), expressions=sorts))
    return exp.Bracket(this=exp.Paren(this=among(call, conditions)), expressions=[exp.Literal.number(0)])
