"""Whether the synthetic rows repeat training rows more than rows that the generator never saw.

Training and holdout were parted by chance, so whatever a generator emits without memory of its training rows
is as likely to hit the one as the other. Every synthetic row is looked at: a copy must not hide in a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import Check, Verdict
from synth.evaluate.intervals import binomial_tail, newcombe, normal_quantile, share
from synth.evaluate.tables import occurs_once, row_hashes
from synth.evaluate.verdicts import ENOUGH_ROWS, Gap, judge, remark, within_chance, worst

if TYPE_CHECKING:
    from synth.evaluate.tables import Column, Keys, Mask, Tables

ROW_LIMIT = 0.005
VALUE_LIMIT = 0.05
RARE_BELOW = 10
CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Replays:
    """How many of the training and of the holdout items recur in the synthetic rows: (recurring, all)."""

    training: tuple[int, int]
    holdout: tuple[int, int]

    @property
    def excess(self) -> float:
        """The training share minus the holdout share."""
        return share(*self.training) - share(*self.holdout)

    @property
    def chance(self) -> float:
        """P(as many training items among the recurring ones, or more) if training and holdout were alike."""
        hits = self.training[0] + self.holdout[0]
        rows = self.training[1] + self.holdout[1]
        return binomial_tail(self.training[0], hits, share(self.training[1], rows))


def exact_replay(tables: Tables) -> Check:
    """Whether whole training rows recur, over all training rows.

    Counted are rows whose content one real row alone has. A content that several real rows share points at
    nobody, and falls into the larger table alone more often than into the smaller: counting it would accuse
    fresh real rows of repeating the training rows.
    """
    rows = row_hashes(tables)
    found = _replays(rows, tables, occurs_once(rows[: tables.real]))
    recur = Replays((found.training[0], tables.training), (found.holdout[0], tables.holdout))
    low, high = newcombe(recur.training, recur.holdout, z=normal_quantile())
    chance = recur.excess <= ROW_LIMIT and recur.chance > CHANCE and tables.holdout >= ENOUGH_ROWS
    verdict = judge(low, high, ROW_LIMIT, by_estimate=chance)
    if high < -ROW_LIMIT:
        verdict = Verdict.FAIL  # repeats rows it cannot have seen: the split was not kept
    explain = (
        f"{share(*recur.training):.2%} of the training rows recur whole in the twin, and"
        f" {share(*recur.holdout):.2%} of the unseen real rows, where a difference of {ROW_LIMIT:.1%} is"
        f" allowed{remark(verdict)}"
    )
    return Check("exact_replay", recur.excess, low, high, ROW_LIMIT, verdict, explain)


def value_replay(tables: Tables) -> Check | None:
    """Whether values that one real row alone has recur, in columns of mostly such; None without one."""
    gaps = []
    unique = [column for column in tables.columns if _near_unique(column, tables)]
    for column in unique:
        once = occurs_once(column.keys[: tables.real]) & ~column.null[: tables.real]
        gaps.append(_value_gap(column.name, _replays(column.keys, tables, once), len(unique)))
    if not gaps:
        return None
    found = worst(gaps)
    # Whole numbers of some thousands often coincide; where a third do, the interval needs 2,000 holdout rows.
    chance = within_chance(found, VALUE_LIMIT, tables.holdout)
    verdict = judge(found.low, found.high, VALUE_LIMIT, by_estimate=chance)
    explain = (
        f"Values that only one real row has recur most in column '{found.column}': the twin repeats"
        f" {max(found.value, 0):.1%} more of those of training rows than of those of unseen real rows, where"
        f" {VALUE_LIMIT:.0%} is allowed{remark(verdict)}"
    )
    return Check("value_replay", found.value, found.low, found.high, VALUE_LIMIT, verdict, explain)


def rare_category(tables: Tables) -> Check | None:
    """How many labels of fewer than ten real rows the twin holds; None without a column of labels."""
    labels = [column for column in tables.columns if column.numbers is None and not column.boolean]
    if not labels:
        return None
    rare = [(column.name, _rare_labels(column, tables)) for column in labels]
    count = float(sum(number for _, number in rare))
    named = ", ".join(f"'{name}'" for name, number in rare if number)
    verdict = judge(count, count, 0.0)
    explain = f"The twin holds {count:.0f} labels that fewer than {RARE_BELOW} real rows have"
    explain += f", in {named}; none is allowed." if count else ", as it should."
    return Check("rare_category", count, count, count, 0.0, verdict, explain)


def _replays(keys: Keys, tables: Tables, once: Mask) -> Replays:
    hit = np.zeros(tables.real, dtype=np.bool_)
    hit[once] = np.isin(keys[: tables.real][once], keys[tables.real :])
    parts = slice(None, tables.training), slice(tables.training, None)
    training, holdout = ((int(hit[part].sum()), int(once[part].sum())) for part in parts)
    return Replays(training, holdout)


def _value_gap(name: str, replays: Replays, columns: int) -> Gap:
    low, _ = newcombe(replays.training, replays.holdout, z=normal_quantile(columns))
    _, high = newcombe(replays.training, replays.holdout, z=normal_quantile())
    # What recurs is counted, not sampled: where nothing does, no excess can hide behind a short column.
    return Gap(name, replays.excess, low, high if replays.training[0] else 0.0)


def _near_unique(column: Column, tables: Tables) -> bool:
    keys = column.keys[: tables.training][~column.null[: tables.training]]
    return 2 * len(np.unique(keys)) > len(keys)


def _rare_labels(column: Column, tables: Tables) -> int:
    real, counts = np.unique(column.keys[: tables.real][~column.null[: tables.real]], return_counts=True)
    return int(np.isin(real[counts < RARE_BELOW], column.keys[tables.real :]).sum())
