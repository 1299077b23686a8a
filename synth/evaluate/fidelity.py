"""Whether the twin is distributed as fresh real rows are: columns, their pairs and triples, and NULLs.

With two engines, the rows of each are compared with the half that it did not learn, and the figures are the
means of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synth.evaluate.intervals import effective, newcombe, normal_quantile, share
from synth.evaluate.verdicts import Gap, quote_names, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.closeness import Closeness
    from synth.evaluate.tables import TableColumn
    from synth.evaluate.verdicts import Finding


def pair_accuracy(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether pairs of columns are as close to real rows as fresh real rows; None for one column."""
    return _mean(case, limit, 2, "Pairs")


def triple_accuracy(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether triples of columns are as close as fresh real rows; None for two columns."""
    return _mean(case, limit, 3, "Triples")


def worst_column(case: EvaluationCase, limit: float) -> Finding:
    """Return whether every single column is distributed as in fresh real rows."""
    if case.fidelity is None:
        return case.scale(limit).too_few()
    gap = worst(_gaps(case.fidelity.orders[0], case.fidelity.names))
    text = (
        f"Worst column: {gap.column} differs from the training rows by {max(gap.value, 0):.1%} more than"
        f" unseen real rows do (limit {limit:.0%})"
    )
    return case.scale(limit).finding(gap, text, _rows(case))


def worst_pair(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether the worst pair of columns is as close as fresh real rows; None for one column."""
    if case.fidelity is None:
        return case.scale(limit).too_few()
    if len(case.fidelity.names) == 1:
        return None
    gap = worst(_gaps(case.fidelity.orders[1], case.fidelity.names))
    text = (
        f"Worst pair: {gap.column} agree with the training rows {max(gap.value, 0):.1%} less than in unseen"
        f" real rows (limit {limit:.0%})"
    )
    return case.scale(limit).finding(gap, text, _rows(case))


def null_rate(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether every column is NULL as often as in the training rows, on all rows.

    None where no column is ever NULL: then there is nothing to decide.
    """
    every = [column for way in case.holdout_cases for column in way.tables.columns]
    names = {column.name for column in every if column.null.any()}
    if not names:
        return None
    ways = [
        [_null_gap(way, column) for column in way.tables.columns if column.name in names]
        for way in case.holdout_cases
    ]
    gap = worst([_mean_gap(gaps) for gaps in zip(*ways, strict=True)])
    text = (
        f"Share of NULLs: it differs most in column '{gap.column}', by {gap.value:.1%} of the rows"
        f" (limit {limit:.0%})"
    )
    return case.scale(limit).finding(gap, text, _rows(case))


def _mean(case: EvaluationCase, limit: float, order: int, what: str) -> Finding | None:
    if case.fidelity is None:
        return case.scale(limit).too_few()
    if len(case.fidelity.names) < order:
        return None
    groups = case.fidelity.orders[order - 1]
    value, half = float(groups.gaps.mean()), normal_quantile() * groups.mean_error
    gap = Gap("", value, value - half, value + half)
    column = case.fidelity.names[_poorest(groups)]
    text = (
        f"{what} of columns agree with the training rows {value:.1%} less than unseen real rows do"
        f" (limit {limit:.0%}); those with '{column}' agree least"
        if value > 0
        else f"{what} of columns agree with the training rows as well as unseen real rows do"
    )
    return case.scale(limit).finding(gap, text, _rows(case))


def _poorest(groups: Closeness) -> int:
    """Return the column whose groups fall short most, on average."""
    members = np.array(groups.groups)
    short = np.bincount(members.ravel(), np.repeat(groups.gaps, members.shape[1]))
    return int((short / np.maximum(np.bincount(members.ravel()), 1)).argmax())


def _gaps(groups: Closeness, names: tuple[str, ...]) -> list[Gap]:
    together, alone = normal_quantile(len(groups.groups)), normal_quantile()
    return [
        Gap(
            quote_names([names[column] for column in group]),
            float(gap),
            float(gap - together * error),
            float(gap + alone * error),
        )
        for group, gap, error in zip(groups.groups, groups.gaps, groups.gap_error, strict=True)
    ]


def _mean_gap(gaps: Sequence[Gap]) -> Gap:
    """Return the mean over both ways to compare."""
    value, low, high = (
        float(np.mean([getattr(gap, part) for gap in gaps])) for part in ("value", "low", "high")
    )
    return Gap(gaps[0].column, value, low, high)


def _null_gap(case: EvaluationCase, column: TableColumn) -> Gap:
    tables = case.tables
    sides = slice(tables.real, tables.real + tables.synthetic), slice(0, tables.training)
    synthetic, training = (
        effective(column.null[rows], np.ones(len(column.null[rows])), tables.unit_of(rows)) for rows in sides
    )
    value = abs(share(*synthetic) - share(*training))
    alone = newcombe(synthetic, training, z=normal_quantile())
    together = newcombe(synthetic, training, z=normal_quantile(len(tables.columns)))
    low = max(together[0], -together[1], 0.0)
    return Gap(column.name, value, low, max(abs(alone[0]), abs(alone[1])))


def _rows(case: EvaluationCase) -> tuple[int, int]:
    return case.tables.training, case.tables.holdout
