"""What lineage says of columns of tagged models: they are computed, of the same row or others, or copied."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from synth.domain import Derivation, Fact, Formula, LookupFormula, Scope, Way
from synth.graph.digests import digest_of
from synth.graph.lineage import root
from synth.graph.origins import Aggregate, ChoiceOrigin, ColumnRef, Expression, GeneratedValue, NodeLineage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.domain import Model
    from synth.graph.origins import Origin

KIND = "formula"
EFFECT = "computed as its SQL says, if all real rows are so"
WAYS = {"count": Way.COUNT, "sum": Way.SUM, "min": Way.LEAST, "max": Way.MOST, "avg": Way.MEAN}
# An aggregate of one column or of rows, and nothing else.
NUMBERING = re.compile(r"(?:CAST\()?ROW_NUMBER\(\)(?: AS \w+\))?", re.IGNORECASE)
LITERAL, QUOTED = re.compile(r"'(?:[^']|'')*'"), re.compile(r'"([^"]+)"')
PLAIN = re.compile(r"(?:CAST\()?(\w+)\((?:\*|1|[^\s(),]+)\)(?: AS [\w ]+(?:\([\d, ]+\))?\))?", re.IGNORECASE)

COLUMN = re.compile(r'"?\w+"?(?:\."?\w+"?)?')
# The same where a number stands for nothing, as it does where a parent has no rows.
FILLED = re.compile(
    r"(?:CAST\()?COALESCE\((.+), (?:0(?:\.0*)?|FALSE)\)(?: AS [\w ]+(?:\([\d, ]+\))?\))?", re.IGNORECASE
)


def with_formulas(model: Model, lineage: NodeLineage | None) -> Model:
    """Return the model with the formulas that its own SQL has for its columns; constants need none."""
    own = derived_columns(lineage)
    windows = {} if lineage is None else _without_constants(lineage, lineage.window_formulas)
    complete = frozenset() if lineage is None else lineage.complete_windows
    formulas = [
        *(Formula(column, text) for column, text in own.items()),
        *(
            Formula(column, text, Scope.WINDOW, is_complete=column in complete)
            for column, text in windows.items()
            if column not in own
        ),
    ]
    if not formulas:
        return model
    facts = tuple(Fact(f"SQL of {formula.column}", KIND, EFFECT) for formula in formulas)
    return replace(model, formulas=tuple(formulas), facts=(*model.facts, *facts))


def derived_columns(lineage: NodeLineage | None) -> Mapping[str, str]:
    """Return columns as SQL over other columns of the same relation, those apart that are always the same."""
    return {} if lineage is None else _without_constants(lineage, lineage.formulas)


def _without_constants(lineage: NodeLineage, formulas: Mapping[str, str]) -> Mapping[str, str]:
    origins = lineage.columns
    return {
        column: text
        for column, text in formulas.items()
        if not isinstance(origins.get(column), GeneratedValue)
    }


def with_derivations(model: Model, lineages: Mapping[str, NodeLineage]) -> Model:
    """Return the model with what its SQL says of where the values of its columns come from."""
    lineage = lineages.get(model.unique_id, NodeLineage())
    derivations = {name: _derivation(ColumnRef(model.unique_id, name), lineages) for name in lineage.columns}
    stated_keys = (key for key in lineage.keys if len(key) > 1)
    keys = dict.fromkeys((*stated_keys, *_keys_of_digests(model)))
    single_keys = [one for one in keys if len(one) == 1 and one not in model.unique]
    lookups = dict.fromkeys(
        LookupFormula(
            one.column,
            one.sql,
            one.own,
            tuple(_text(root(lineages, ref)) for ref in one.sources),
            _text(root(lineages, one.key)) if one.key else "",
            tuple(_text(root(lineages, ref)) for ref in one.sorts),
        )
        for one in lineage.lookups
    )
    return replace(
        model,
        derivations=derivations,
        unique=(*model.unique, *single_keys),
        derived_keys=tuple(one for one in keys if len(one) > 1),
        lookups=tuple(lookups),
        row_sources=frozenset(_row_sources(model.unique_id, lineages)),
    )


def _row_sources(name: str, lineages: Mapping[str, NodeLineage]) -> Iterator[str]:
    """Yield the nodes of which each row gives at most one row of this one, the nearest first."""
    visited = {name}
    node = lineages[name].rows_of if name in lineages else None
    while node is not None and node not in visited:
        visited.add(node)
        yield node
        node = lineages[node].rows_of if node in lineages else None


def _keys_of_digests(model: Model) -> Iterator[tuple[str, ...]]:
    """Yield the columns of which a key is made: as no digest repeats, neither does it, or they together."""
    keys = {columns[0] for columns in (model.primary_key, *model.unique) if len(columns) == 1}
    for formula in model.formulas:
        names = dict.fromkeys(QUOTED.findall(LITERAL.sub("", formula.sql)))
        if formula.scope is Scope.ROW and formula.column in keys - {*names} and names:
            yield tuple(names)


def _derivation(column: ColumnRef, lineages: Mapping[str, NodeLineage]) -> Derivation:
    first = root(lineages, column)
    origin = lineages[first.node].columns.get(first.column) if first.node in lineages else None
    digest = digest_of(lineages, first)
    copy = Derivation(_text(first), stands_for=_text(digest.source) if digest else "")
    has_constant = False
    if _fills(origin) and origin is not None and len(origin.sources) == 1:
        place, has_constant = root(lineages, origin.sources[0]), True
        origin = lineages[place.node].columns.get(place.column) if place.node in lineages else None
    if isinstance(origin, Aggregate) and len(origin.keys) == 1 and NUMBERING.fullmatch(origin.sql):
        return Derivation("", Way.NUMBER, _text(root(lineages, origin.keys[0])))
    if not isinstance(origin, Aggregate) or origin.is_windowed or len(origin.sources) > 1 or not origin.keys:
        return copy
    inner = FILLED.fullmatch(origin.sql)
    has_constant = has_constant or inner is not None
    call = PLAIN.fullmatch(inner[1] if inner else origin.sql)
    way = WAYS.get(call[1].lower()) if call else None
    if way is None or (way is not Way.COUNT and not origin.sources):  # of a column that rows are grouped by
        return copy
    by = _text(root(lineages, origin.keys[0]))
    over = "" if way is Way.COUNT else _text(root(lineages, origin.sources[0]))
    return Derivation(over, way, by, has_constant)


def _fills(origin: Origin | None) -> bool:
    """Return whether a column is another one, or a constant where that is NULL, whatever its type becomes."""
    if isinstance(origin, Expression):
        inner = FILLED.fullmatch(origin.sql)
        return inner is not None and COLUMN.fullmatch(inner[1]) is not None
    return isinstance(origin, ChoiceOrigin) and origin.constants


def _text(column: ColumnRef) -> str:
    return f"{column.node}.{column.column}"
