"""Columns as expressions over other columns of the same rows, and queries put together by `union`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from synth.graph.leaves import Leaf, QueryLeaves, RelationRows, Sort, bare, leaf, size, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    ColumnPairs: TypeAlias = Sequence[tuple[str, exp.Expr]]
    Window: TypeAlias = Callable[[exp.Column], exp.Expr | None]

MARK = "\0"  # before the name of a column of another relation
MOMENTS = (
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.SessionUser,
    exp.Uuid,
)
UNSTEADY = re.compile(
    r"now|\w+_timestamp|timeofday|random\w*|gen_random_\w+|uuid_generate_\w+|uuidv\w+|nextval|currval|lastval"
    r"|current_\w+|pg_\w+|txid_\w+|inet_(client|server)_\w+|version|setval|set_config"
)


def formulas(columns: Mapping[str, exp.Expr]) -> dict[str, exp.Expr]:
    """Return every column that follows from others, as an expression over their names.

    None leads back to itself: of equal columns the first is what the others follow from, and any other
    expression is longer than what it is made of.
    """
    names: dict[str, str] = {}
    texts = {name: text(value) for name, value in columns.items()}
    for name, expression in texts.items():
        names.setdefault(expression, name)
    sizes = {size(bare(value)) for value in columns.values()}
    more, more_sizes = _uncast(columns, names)
    columns_by_name = {}
    for name, value in columns.items():
        inner = bare(value)
        if not steady(inner):
            continue
        if inner.find(exp.Column) is None:
            columns_by_name[name] = inner.copy()
        elif names[texts[name]] != name:
            columns_by_name[name] = _column_of(names[texts[name]])
        elif not isinstance(inner, exp.Column):
            formula = _over(inner, names, sizes, at_top=True)
            if formula is None and more:
                formula = _over(inner, _without(more, name), sizes | more_sizes, at_top=True)
            if formula is not None:
                columns_by_name[name] = formula
    return columns_by_name


def lookup_formulas(
    columns: Mapping[str, exp.Expr], theirs: ColumnPairs
) -> dict[str, tuple[exp.Expr, tuple[str, ...], tuple[str, ...]]]:
    """Return columns as expressions over others and over those of another relation; both are named.

    Columns of the row are those of `one`, and of the other relation those of `other`, by their place among
    the names. What needs no other relation is left out, and what is merely one of its columns.

    Args:
        columns: of the row, as expressions over leaves.
        theirs: of one mention of the other relation, by name.
    """
    names: dict[str, str] = {}
    whole = [*columns.items(), *((MARK + name, value) for name, value in theirs)]
    for name, value in whole:
        names.setdefault(text(value), name)
    sizes = {size(bare(value)) for _, value in whole}
    lookups = {}
    for name, value in columns.items():
        inner = bare(value)
        if isinstance(inner, exp.Column) or not steady(inner):
            continue
        formula = _over(inner, _without(names, name), sizes, at_top=True)
        if formula is None:
            continue
        mentions = dict.fromkeys(one.name for one in formula.find_all(exp.Column))
        others = [one for one in mentions if one.startswith(MARK)]
        own = tuple(one for one in mentions if not one.startswith(MARK))
        if others:
            places = {one: leaf("other", str(place)) for place, one in enumerate(others)}
            sides = places | {one: leaf("one", one) for one in own}
            lookups[name] = _with_sides(formula, sides), own, tuple(one.removeprefix(MARK) for one in others)
    return lookups


def aggregate_formula(
    value: exp.Expr, calls: Mapping[str, exp.Expr], theirs: ColumnPairs
) -> tuple[exp.Expr, tuple[str, ...]] | None:
    """Return a column as an expression over aggregates of another relation's columns; these are named.

    They are those of `other`, by their place among the names. None where other rows tell of it, too.

    Args:
        value: the column, over leaves that stand for aggregates.
        calls: what each of these is called with.
        theirs: the columns of one mention of the other relation, by name.
    """
    whole = value.transform(lambda node: calls[text(node)].copy() if isinstance(node, exp.Column) else node)
    names = {text(column): name for name, column in reversed(theirs)}
    formula = _over(whole, names, {size(bare(column)) for _, column in theirs}, at_top=True)
    if formula is None or not steady(formula):
        return None
    mentions = tuple(dict.fromkeys(one.name for one in formula.find_all(exp.Column)))
    places = {name: leaf("other", str(place)) for place, name in enumerate(mentions)}
    return _with_sides(formula, places), mentions


def _with_sides(formula: exp.Expr, sides: Mapping[str, exp.Column]) -> exp.Expr:
    return formula.transform(lambda node: sides[node.name].copy() if isinstance(node, exp.Column) else node)


def window_formulas(columns: Mapping[str, exp.Expr], window: Window) -> dict[str, exp.Expr]:
    """Return every column that windows over the same rows give, as an expression over names of columns.

    None leads back to itself, as with other formulas.

    Args:
        columns: as expressions over leaves.
        window: the call that a leaf stands for.
    """
    names: dict[str, str] = {}
    for name, value in columns.items():
        names.setdefault(text(value), name)
    sizes = {size(bare(value)) for value in columns.values()}
    more, more_sizes = _uncast(columns, names)
    columns_by_name = {}
    for name, value in columns.items():
        if names[text(value)] == name:
            formula = _over(bare(value), names, sizes, at_top=True, window=window)
            if formula is None and more:
                others, all_sizes = _without(more, name), sizes | more_sizes
                formula = _over(bare(value), others, all_sizes, at_top=True, window=window)
            formula = None if formula is None else _flat(formula)
            if formula is not None and formula.find(exp.Window) and steady(formula):
                columns_by_name[name] = formula
    return columns_by_name


def _flat(formula: exp.Expr) -> exp.Expr | None:
    """Return a formula without windows in windows, which Postgres does not know; None if that cannot be.

    Who sorts by the number that a list of terms gives each of them sorts by what these are numbered by.
    """
    for sort_key in [*formula.find_all(exp.Ordered)]:
        rank = sort_key.this
        while isinstance(rank, exp.Cast | exp.Paren):
            rank = rank.this
        if not isinstance(rank, exp.Window) or sort_key.find_ancestor(exp.Window) is None:
            continue
        keys = rank.args["order"].expressions if rank.args.get("order") else []
        is_rank = isinstance(bare(rank.this), exp.RowNumber | exp.Rank | exp.DenseRank)
        if is_rank and len(keys) == 1 and not rank.args.get("partition_by"):
            sort_key.set("this", keys[0].this.copy())
            sort_key.set("desc", bool(sort_key.args.get("desc")) != bool(keys[0].args.get("desc")))
    inner = (one for one in formula.find_all(exp.Window) if one.find_ancestor(exp.Window) is not None)
    return None if next(inner, None) is not None else formula


def _uncast(columns: Mapping[str, exp.Expr], names: Mapping[str, str]) -> tuple[dict[str, str], set[int]]:
    """Return the names by what columns are without the cast around it, too, and how long that is.

    What a window adds up, the model may give as another type of number. Real rows say whether it is the same.
    """
    more, sizes = dict(names), set()
    for name, value in columns.items():
        inner = bare(value)
        while isinstance(inner, exp.Cast):
            inner = bare(inner.this)
        if inner is not bare(value) and inner.find(exp.Column) is not None and text(inner) not in more:
            more[text(inner)] = name
            sizes.add(size(inner))
    return (more, sizes) if sizes else ({}, sizes)


def _without(names: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the names without that of one column, so that it does not follow from itself."""
    return {expression: one for expression, one in names.items() if one != name}


def steady(value: exp.Expr) -> bool:
    """Return whether the expression gives the same every day, and calls nothing but Postgres itself."""
    return not any(
        isinstance(node, MOMENTS)
        or (isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func))  # of another schema
        or (isinstance(node, exp.DataType) and node.this is exp.DataType.Type.USERDEFINED)
        or isinstance(node, exp.Operator)
        or (isinstance(node, exp.Anonymous) and UNSTEADY.fullmatch(node.name.lower()) is not None)
        or (isinstance(node, exp.Anonymous) and node.name.lower() == "age" and len(node.expressions) == 1)
        for node in value.walk()
    )


def _column_of(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _over(
    node: exp.Expr,
    names: Mapping[str, str],
    sizes: set[int],
    *,
    at_top: bool = False,
    window: Window | None = None,
) -> exp.Expr | None:
    if node.find(exp.Column) is None:
        return node.copy()
    is_branch = isinstance(node, exp.If)  # written as the `case` that it may be the only branch of
    if not at_top and not is_branch and size(bare(node)) in sizes:
        name = names.get(text(node))
        if name is not None:
            return _column_of(name)
    if isinstance(node, exp.Column):
        call = window(node) if window else None
        return None if call is None else _over(call, names, sizes, window=window)
    arguments: dict[str, object] = {}
    for key, value in node.args.items():
        parts = [_part(one, names, sizes, window) for one in (value if isinstance(value, list) else [value])]
        if any(
            new is None and old is not None
            for new, old in zip(parts, value if isinstance(value, list) else [value], strict=True)
        ):
            return None
        arguments[key] = parts if isinstance(value, list) else parts[0]
    return type(node)(**arguments)


def _part(value: object, names: Mapping[str, str], sizes: set[int], window: Window | None) -> object:
    return _over(value, names, sizes, window=window) if isinstance(value, exp.Expr) else value


def put_together(leaves: QueryLeaves, branches: Sequence[RelationRows]) -> RelationRows:
    """Return what `union` makes of these; what follows from others in each does so in the whole."""
    names = [*branches[0].columns]
    parts = [dict(zip(names, branch.columns.values(), strict=False)) for branch in branches]
    shared_names = [name for name in names if all(name in part for part in parts)]
    by_branch = [formulas(part) for part in parts]
    common = {
        name: by_branch[0][name]
        for name in shared_names
        if all(name in one and text(one[name]) == text(by_branch[0][name]) for one in by_branch)
    }
    mark = leaves.instance("")
    columns: dict[str, exp.Expr] = {}
    for name in shared_names:
        if name not in common:
            columns[name] = leaves.opaque(
                Leaf(Sort.UNION, parts=tuple(part[name] for part in parts)), mark, name
            )
    for name in sorted(common, key=lambda one: len(text(common[one]))):
        columns[name] = common[name].transform(lambda node: _fill(node, columns, common))
    over = tuple(dict.fromkeys(node for branch in branches for node in branch.over))
    return RelationRows({name: columns[name] for name in shared_names}, over=over)


def _fill(node: exp.Expr, columns: Mapping[str, exp.Expr], common: Mapping[str, exp.Expr]) -> exp.Expr:
    if not isinstance(node, exp.Column):
        return node
    if node.name in columns:
        return columns[node.name].copy()
    return common[node.name].transform(lambda one: _fill(one, columns, common))
