"""Expressions that may run on twins: calls of Postgres' own functions, aggregates and windows.

As in `synth.graph.predicates`, what is not known here is refused, and every expression is made anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from synth.graph.expressions import LONGEST
from synth.graph.leaves import bare, size
from synth.graph.origins import ColumnRef
from synth.graph.predicates import (
    PAIR,
    PARTS,
    SINGLE,
    UNITS,
    UnsafeError,
    call,
    literal,
    refuse_others,
    truncation,
    type_of,
)
from synth.graph.scopes import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


# Forms of expressions beside those of conditions, each with the parts that it may have.
FORMS: Mapping[type[exp.Expr], frozenset[str]] = {
    **PARTS,
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.Nullif: PAIR,
    exp.DPipe: PAIR | {"safe"},
    exp.Greatest: frozenset({"this", "expressions", "ignore_nulls"}),
    exp.Least: frozenset({"this", "expressions", "ignore_nulls"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Filter: PAIR,
    exp.Where: SINGLE,
    exp.WithinGroup: PAIR,
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over"}),
}
SERIES: tuple[type[exp.Expr], ...] = (exp.GenerateSeries, exp.ExplodingGenerateSeries)
# Functions by what Postgres calls them, with the parts that are their arguments, in order.
CALLS: Mapping[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    **{one: (name, ("this",)) for one, name in ((exp.Lower, "lower"), (exp.Upper, "upper"))},
    **{one: (name, ("this",)) for one, name in ((exp.Abs, "abs"), (exp.Floor, "floor"), (exp.Ceil, "ceil"))},
    **{
        one: (name, ("this",))
        for one, name in ((exp.MD5, "md5"), (exp.Length, "length"), (exp.Trim, "btrim"))
    },
    **{one: (name, ("this",)) for one, name in ((exp.Sum, "sum"), (exp.Avg, "avg"), (exp.Count, "count"))},
    **{one: (name, ("this",)) for one, name in ((exp.Min, "min"), (exp.Max, "max"), (exp.Stddev, "stddev"))},
    **{one: (name, ("this",)) for one, name in ((exp.LogicalOr, "bool_or"), (exp.LogicalAnd, "bool_and"))},
    **{one: (name, ()) for one, name in ((exp.RowNumber, "row_number"), (exp.Rank, "rank"))},
    **{one: (name, ()) for one, name in ((exp.DenseRank, "dense_rank"), (exp.Mode, "mode"))},
    **{one: (name, ("this", "offset", "default")) for one, name in ((exp.Lag, "lag"), (exp.Lead, "lead"))},
    exp.FirstValue: ("first_value", ("this",)),
    exp.LastValue: ("last_value", ("this",)),
    exp.Ntile: ("ntile", ("this",)),
    exp.PercentileCont: ("percentile_cont", ("this",)),
    exp.PercentileDisc: ("percentile_disc", ("this",)),
    exp.Round: ("round", ("this", "decimals")),
    exp.Left: ("left", ("this", "expression")),
    exp.Right: ("right", ("this", "expression")),
    exp.Substring: ("substr", ("this", "start", "length")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.SplitPart: ("split_part", ("this", "delimiter", "part_index")),
    exp.Concat: ("concat", ("expressions",)),
    exp.Pow: ("power", ("this", "expression")),
    **dict.fromkeys(SERIES, ("generate_series", ("start", "end", "step"))),
}
UNSAID = frozenset({"big_int", "safe", "coalesce", "ignore_nulls"})  # what sqlglot notes of calls
NAMED_CALLS: Mapping[str, int] = {"age": 2, "to_char": 2, "make_date": 3}  # with their numbers of arguments
INTERVAL = re.compile(r"[\w :.+-]+")
EDGES = frozenset({"UNBOUNDED", "CURRENT ROW"})
SIDES = frozenset({"PRECEDING", "FOLLOWING"})
FRAMES = frozenset({"ROWS", "RANGE", "GROUPS"})
COMPARISONS: tuple[type[exp.Expr], ...] = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.In, exp.Between, exp.Like, exp.ILike, exp.Nullif),
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value of a query comes from.

    Attributes:
        sources: columns whose values decide it.
        copies: columns of which it is an unchanged value; empty where it is computed.
    """

    sources: frozenset[ColumnRef] = frozenset()
    copies: frozenset[ColumnRef] = frozenset()

    def __or__(self, other: Provenance) -> Provenance:
        """Return that of a value that is the one or the other."""
        copies = self.copies | other.copies if self.copies and other.copies else frozenset()
        return Provenance(self.sources | other.sources, copies)


@dataclass(slots=True)
class Mentions:
    """What the expressions of a query ask of columns of relations.

    Attributes:
        sources: all that are mentioned.
        compared: whose values are compared with something else than another column.
        equated: sets of columns whose values are said to be equal.
    """

    sources: set[ColumnRef] = field(default_factory=set)
    compared: set[ColumnRef] = field(default_factory=set)
    equated: set[frozenset[ColumnRef]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Calculations:
    """Makes the expressions of one query anew.

    Attributes:
        find: where a column comes from, by the name in front of it, or "", and its own.
        mentions: takes what is asked of columns.
    """

    find: Callable[[str, str], Provenance]
    mentions: Mentions

    def value(self, node: exp.Expr) -> exp.Expr:
        """Return an expression made anew.

        Raises:
            UnsafeError: it holds anything that is not known here.
        """
        if size(node) > LONGEST:
            raise UnsafeError
        return self._made_anew(node)

    def provenance(self, node: exp.Expr) -> Provenance:
        """Return where the value of an expression comes from."""
        node = bare(node)
        if isinstance(node, exp.Column):
            return self._origin(node)
        return Provenance(
            frozenset[ColumnRef]().union(*(self._origin(one).sources for one in _deciding_columns(node)))
        )

    def equate(self, *sides: Provenance) -> None:
        """Take note that these values are compared with each other."""
        if all(side.copies for side in sides):
            self.mentions.equated.add(frozenset().union(*(side.copies for side in sides)))
        else:
            self.mentions.compared.update(*(side.sources for side in sides))

    def _origin(self, column: exp.Column) -> Provenance:
        refuse_others(column, {"this", "table"})
        if not isinstance(column.this, exp.Identifier):
            raise UnsafeError
        return self.find(fold(column.args.get("table")), fold(column.this))

    def _made_anew(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            self.mentions.sources |= self._origin(node).sources
            return quoted(fold(node.this), fold(node.args.get("table")))
        if isinstance(node, exp.Literal | exp.Boolean | exp.Null):
            return literal(node)
        self._note(node)
        if type(node) in FORMS:
            return self._form(node)
        if type(node) in CALLS:
            return self._call(node)
        return self._other(node)

    def _note(self, node: exp.Expr) -> None:
        """Take note of what a comparison asks for."""
        sides = [*_sides(node)]
        if not sides:
            return
        origins = [self.provenance(side) for side in sides]
        if isinstance(node, exp.EQ | exp.NullSafeEQ):
            self.equate(*origins)
        else:
            self.mentions.compared.update(*(one.sources for one in origins))

    def _form(self, node: exp.Expr) -> exp.Expr:
        """Return an expression whose form is one of `FORMS`."""
        refuse_others(node, FORMS[type(node)] | {"negate"})
        if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null | exp.Boolean):
            raise UnsafeError
        parts: dict[str, object] = {}
        for key, value in node.args.items():
            if key == "spec" and value:
                parts[key] = _frame(value)
            elif isinstance(value, list):
                parts[key] = [self._made_anew(one) for one in value]
            elif isinstance(value, exp.Expr):
                parts[key] = self._made_anew(value)
            elif key != "negate":
                parts[key] = value  # how sqlglot sorts or divides, or nothing
        if isinstance(node, exp.Div | exp.Mod):  # no real row divides by 0, and a twin's must not stop all
            parts["expression"] = exp.Nullif(this=parts["expression"], expression=exp.Literal.number(0))
        result = type(node)(**parts)
        return exp.Not(this=result) if node.args.get("negate") else result

    def _call(self, node: exp.Expr) -> exp.Expr:
        name, keys = CALLS[type(node)]
        refuse_others(node, {*keys} | UNSAID)
        arguments: list[exp.Expr] = []
        for key in keys:
            value = node.args.get(key)
            arguments += value if isinstance(value, list) else [value] if value is not None else []
        parts = [one.copy() if isinstance(one, exp.Star) else self._made_anew(one) for one in arguments]
        for star in (one for one in parts if isinstance(one, exp.Star)):
            refuse_others(star, frozenset())
        return call(name, *parts)

    def _other(self, node: exp.Expr) -> exp.Expr:
        if type(node) is exp.Cast:
            refuse_others(node, {"this", "to"})
            return exp.Cast(this=self._made_anew(node.this), to=type_of(node.to))
        if isinstance(node, exp.Extract):
            refuse_others(node, PAIR)
            unit = node.this.name.lower()
            if unit not in UNITS | {"epoch"}:
                raise UnsafeError
            return exp.Extract(this=exp.var(unit), expression=self._made_anew(node.expression))
        if isinstance(node, exp.Interval):
            return _interval(node)
        if isinstance(node, exp.Pad):
            refuse_others(node, {"this", "expression", "fill_pattern", "is_left"})
            parts = [node.this, node.expression, node.args.get("fill_pattern")]
            name = "lpad" if node.args.get("is_left") else "rpad"
            return call(name, *(self._made_anew(one) for one in parts if one is not None))
        if not isinstance(node, exp.Anonymous):
            raise UnsafeError
        name = str(node.this).lower()
        if len(node.expressions) == NAMED_CALLS.get(name):
            refuse_others(node, {"this", "expressions"})
            return call(name, *(self._made_anew(one) for one in node.expressions))
        unit, value = truncation(node)
        return call("date_trunc", exp.Literal.string(unit), self._made_anew(value))


def quoted(name: str, table: str = "") -> exp.Column:
    """Return a column by its quoted name, and that in front of it, if any."""
    front = exp.to_identifier(table, quoted=True) if table else None
    return exp.column(exp.to_identifier(name, quoted=True), front)


def _deciding_columns(node: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns whose values decide a value; not by what rows are counted, sorted or parted."""
    if isinstance(node, exp.Column):
        yield node
    elif isinstance(node, exp.Window):
        yield from _deciding_columns(node.this)
    elif not isinstance(node, exp.Count | exp.Order):
        for child in node.iter_expressions():
            yield from _deciding_columns(child)


def _sides(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a comparison compares; nothing of another expression."""
    if isinstance(node, COMPARISONS):
        parts = (node.this, *(node.args.get(key) for key in ("expression", "low", "high")))
        yield from (one for one in parts if one is not None)
        yield from node.args.get("expressions") or ()
    elif isinstance(node, exp.Case) and node.this is not None:
        yield node.this
        yield from (one.this for one in node.args["ifs"])


def _interval(node: exp.Interval) -> exp.Expr:
    refuse_others(node, {"this", "unit"})
    unit = node.args.get("unit")
    if not isinstance(node.this, exp.Literal) or not INTERVAL.fullmatch(str(node.this.this)):
        raise UnsafeError
    if unit is not None and not (isinstance(unit, exp.Var) and unit.name.lower().rstrip("s") in UNITS):
        raise UnsafeError
    return node.copy()


def _frame(spec: exp.Expr) -> exp.Expr:
    """Return the rows that a window function sees of its partition."""
    refuse_others(spec, {"kind", "start", "start_side", "end", "end_side"})
    kind, ends = str(spec.args.get("kind") or "").upper(), [spec.args.get("start"), spec.args.get("end")]
    sides = [str(spec.args.get(key) or "PRECEDING").upper() for key in ("start_side", "end_side")]
    if kind not in FRAMES or not {*sides} <= SIDES:
        raise UnsafeError
    for end in ends:
        if isinstance(end, exp.Literal):
            literal(end)
        elif end is not None and (isinstance(end, exp.Expr) or str(end).upper() not in EDGES):
            raise UnsafeError
    return spec.copy()
