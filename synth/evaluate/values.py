"""Whether single values give real rows away: unique ones, extremes, and replaced columns."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import RARE, Verdict
from synth.evaluate.exposure import Tally
from synth.evaluate.replay import held_by_one, holders, meetings
from synth.evaluate.verdicts import Gap, judge_tally, quote_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.tables import Floats, Mask, TableColumn
    from synth.evaluate.verdicts import Finding

TAIL = 20  # real values at either end of a column that tell whether an extreme may recur by chance


def values(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether values that one real entity alone has come back from the engine that learned from it.

    Looked at is each column, and the entities over all columns together. None without a column.
    """
    tallies: dict[str, Tally] = {}
    own = np.zeros(len(case.first))
    for column in case.private.columns:
        alone = held_by_one(case, column.keys) & ~column.null[: case.tables.real]
        if column.boolean or not alone.any():
            continue
        matches = [alone & one for one in meetings(case, column.keys)]
        tallies[column.name] = case.tally(*matches)
        own += _lean(case, matches)
    if not tallies:
        return None
    tallies[""] = Tally(int((own > 0).sum()), int((own < 0).sum()), case.chance)
    name = min(tallies, key=lambda one: tallies[one].probability)
    where = f"in column '{name}'" if name else "over all columns"
    return _finding(case, limit, tallies[name], len(tallies), "Values of one entity", f" {where}")


def rare_labels(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether labels of fewer than ten real entities come back from the engine that learned them."""
    labels = [column for column in case.private.columns if column.numbers is None and not column.boolean]
    if not labels:
        return None
    own, columns = np.zeros(len(case.first)), []
    for column in labels:
        few = (holders(case, column.keys) < RARE) & ~column.null[: case.tables.real]
        matches = [few & one for one in meetings(case, column.keys)]
        own += _lean(case, matches)
        columns += [column.name] if any(one.any() for one in matches) else []
    tally = Tally(int((own > 0).sum()), int((own < 0).sum()), case.chance)
    where = f", in {quote_names(columns)}" if columns else ""
    return _finding(case, limit, tally, 1, f"Labels of fewer than {RARE} entities", where)


def _lean(case: EvaluationCase, matches: Sequence[Mask]) -> Floats:
    """Return for each unit, how often its own engine meets it minus how often the other does."""
    count = len(case.first)
    hits = [np.minimum(np.bincount(case.units[one], minlength=count), 1) for one in matches]
    side = np.where(case.first, 1.0, -1.0)
    return (hits[0] - hits[1]) * side if len(hits) > 1 else hits[0] * side


def _finding(case: EvaluationCase, limit: float, tally: Tally, looks: int, what: str, where: str) -> Finding:
    text = f"{what}: of {tally.own + tally.other} entities whose values only one engine repeated{where}"
    sizes = int(case.first.sum()), int((~case.first).sum())
    return judge_tally(case, limit, tally, text, min(tally.probability * looks, 1.0), sizes)


def domain_extremes(case: EvaluationCase, limit: float) -> Finding | None:
    """Return how many columns end where fewer than ten real units do; None without a column of numbers.

    Only where no two of the outermost TAIL real values are equal: whole numbers that reach from 0 to 30 end
    at 30 in fresh rows as well, and so do amounts of which some recur.
    """
    numeric = [column for column in case.private.columns if column.numbers is not None]
    if not numeric:
        return None
    ends = {column.name: _extremes(column, case) for column in numeric}
    noun = case.scale(limit).noun
    return _count_finding(
        ends, case, limit, f"smallest or largest values that fewer than {RARE} real {noun} have"
    )


def pii_replay(case: EvaluationCase, limit: float) -> Finding | None:
    """Return how many values of replaced columns are real ones; None without such a column."""
    if not case.replaced_columns:
        return None
    real = {column.name: len(_texts(column.real) & _texts(column.twin)) for column in case.replaced_columns}
    return _count_finding(real, case, limit, "real values in columns whose values are replaced")


def _count_finding(counts: dict[str, int], case: EvaluationCase, limit: float, what: str) -> Finding:
    count = float(sum(counts.values()))
    names = quote_names([name for name, number in counts.items() if number])
    limit_text = f"limit {limit:.0f}"
    text = f"The twin holds {count:.0f} {what}" if count else f"The twin holds no {what}"
    text += f", in {names} ({limit_text})" if count else ""
    verdict = Verdict.FAIL if count > limit else Verdict.PASS
    sizes = (case.tables.training, case.tables.holdout)
    return case.scale(limit).finish(Gap("", count, count, count), verdict, text, sizes)


def _extremes(column: TableColumn, case: EvaluationCase) -> int:
    numbers = column.numbers if column.numbers is not None else np.zeros(0)
    has_value = ~column.null
    real = case.tables.real
    twin = numbers[real:][has_value[real:]]
    values, units = numbers[:real][has_value[:real]], case.units[has_value[:real]]
    if not len(twin) or not len(values):
        return 0
    order = np.argsort(values, kind="stable")
    ends = ((order[:TAIL], values.min(), twin.min()), (order[-TAIL:], values.max(), twin.max()))
    return sum(
        bool(real_end == twin_end and len(np.unique(units[values == real_end])) < RARE)
        for tail, real_end, twin_end in ends
        if len(np.unique(values[tail])) == len(tail)
    )


def _texts(values: pd.Series) -> set[str]:
    return {_text(value) for value in values.dropna().unique()}


def _text(value: object) -> str:
    # The real and the new values may be of different types: 7, 7.0, Decimal("7.00") and "7" are one.
    if isinstance(value, float | np.floating | Decimal) and value == value // 1:
        return str(int(value))
    return str(value).strip().casefold()
