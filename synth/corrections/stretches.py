"""Labels that each have a stretch of a number or a date to themselves: grades by points, tiers by amounts."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import RARE, Formula, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Across, Model
    from synth.sampling.source import SourceRows

MOST = 30  # labels of a scale
DIGITS = range(-9, 7)  # of a number from which a label begins, from round ones on


def with_stretches(
    model: Model, source: SourceRows, treatments: Sequence[Treatment], facts: Iterable[Across] = ()
) -> Model:
    """Return the model with a formula for each label that a number or a date decides in all real rows.

    Formulas of the SQL and rows of other tables come first, and keys stay what they are. A label begins at
    the roundest number that lies between its own and those of the label before, which is nobody's.

    Args:
        model: whose columns.
        source: its real rows.
        treatments: of the columns.
        facts: across tables.
    """
    fixed_columns = {one.column for one in model.formulas} | {
        *model.roles,
        *model.seed_columns,
        *model.balance,
    }
    fixed_columns |= {fact.column for fact in facts if fact.model == model.unique_id}
    fixed_columns |= {name for names in (model.primary_key, *model.unique) for name in names}
    numbers = [one for one in treatments if _is_number(one) and not _is_of_labels(one, model)]
    formulas = []
    for label in treatments:
        if label.role is Role.CATEGORY and label.column.kind is Kind.TEXT and label.form is None:
            name = label.column.name
            texts = (_formula(name, number, source) for number in numbers)
            text = None if name in fixed_columns else next(filter(None, texts), None)
            formulas += [Formula(name, text)] if text else []
    return replace(model, formulas=(*model.formulas, *formulas)) if formulas else model


def _is_number(one: Treatment) -> bool:
    kinds = {Kind.INTEGER, Kind.DECIMAL, Kind.DATE}
    return one.role in {Role.NUMBER, Role.DATETIME} and one.column.kind in kinds and one.form is None


def _is_of_labels(one: Treatment, model: Model) -> bool:
    """Return whether the SQL computes a number by a choice, so that labels may decide it."""
    return any(each.column == one.column.name and "CASE" in each.sql.upper() for each in model.formulas)


def _formula(label: str, number: Treatment, source: SourceRows) -> str | None:
    """Return the label as SQL over the number; None where two labels share a stretch, or few hold one."""
    name = number.column.name
    rows = pa.table(
        {"label": source.real.column(label), "number": source.real.column(name), "whom": source.units}
    )
    if pc.any(pc.xor(rows["label"].is_valid(), rows["number"].is_valid())).as_py():
        return None
    rows = rows.drop_null()
    if not 1 < len(rows["label"].unique()) <= MOST:
        return None
    groups = rows.group_by("label").aggregate(
        [("number", "min"), ("number", "max"), ("whom", "count_distinct")]
    )
    stretches = groups.sort_by("number_min").to_pylist()
    if any(one["whom_count_distinct"] < RARE for one in stretches):
        return None
    if any(one["number_max"] >= two["number_min"] for one, two in pairwise(stretches)):
        return None
    return " ".join(["CASE", *_cases(name, stretches), "END"])


def _cases(name: str, stretches: Sequence[dict[str, Any]]) -> Iterator[str]:
    column = _in_quotes(name, '"')
    for one, two in pairwise(stretches):
        yield f"WHEN {column} < {_start(one['number_max'], two['number_min'])} THEN {_text(one['label'])}"
    yield f"WHEN {column} IS NOT NULL THEN {_text(stretches[-1]['label'])}"


def _start(low: Any, high: Any) -> str:
    """Return the roundest number above the one, and not above the other; of dates the first of a month."""
    if isinstance(high, int | float | Decimal):
        for digits in DIGITS:
            start = Decimal(str(high)).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)
            if start > Decimal(str(low)):
                return f"{start:f}"
        return f"{high}"
    days = (high.replace(month=1, day=1), high.replace(day=1), high)
    return f"DATE {_text(next(day for day in days if day > low))}"


def _text(value: Any) -> str:
    return _in_quotes(str(value), "'")


def _in_quotes(text: str, mark: str) -> str:
    return mark + text.replace(mark, 2 * mark) + mark
