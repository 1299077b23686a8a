"""What lineage says of the rows of tagged models: columns that are computed from others of the same row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from synth.domain import Fact, Formula
from synth.graph.origins import GeneratedValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Model
    from synth.graph.origins import NodeLineage

KIND = "formula"
EFFECT = "computed as its SQL says, if all real rows are so"


def with_formulas(model: Model, lineage: NodeLineage | None) -> Model:
    """Return the model with the formulas that its own SQL has for its columns; constants need none."""
    formulas = derived_columns(lineage)
    if not formulas:
        return model
    facts = tuple(Fact(f"SQL of {column}", KIND, EFFECT) for column in formulas)
    return replace(
        model,
        formulas=tuple(Formula(column, text) for column, text in formulas.items()),
        facts=(*model.facts, *facts),
    )


def derived_columns(lineage: NodeLineage | None) -> Mapping[str, str]:
    """Return columns as SQL over other columns of the same relation, those apart that are always the same."""
    if lineage is None:
        return {}
    origins = lineage.columns
    return {
        column: text
        for column, text in lineage.formulas.items()
        if not isinstance(origins.get(column), GeneratedValue)
    }
