"""Rows that break a rule are drawn anew: they never reach the gate, the store or the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.conform import columns_by_row, learnable, rehearse
from synth.columns.textforms import WrittenForm
from synth.domain import Role
from synth.errors import ModelError
from synth.sampling.computing import candidates, early, equations, judge
from synth.sampling.families import is_one_to_one
from synth.sampling.redraw import SPARE, replacements, spare_rows
from synth.sampling.synthesis import draw
from synth.sampling.zeros import unlike_any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Evaluation, Rule
    from synth.sampling.context import Case, Samples, TwinTable
    from synth.warehouse.rules import Equation, Judgement

SURELY = 3  # standard errors that the share of rows that keep the rules may be smaller than it seemed
LEAST = 0.1  # share of the rows that must keep the rules; below, the backend has not learned them
MOST_LOST = 0.1  # share of the rows of histories that may go because their owner has no other that is valid
MOST_UNLIKE = 0.02  # share of the rows that may go because no real ones are like them
LEFT_OUT = 0.01  # share of the twin that may be left out for rules about keys


class RejectedError(ModelError):
    """The evaluation says that the twin must not be published."""

    def __init__(self, message: str, evaluation: Evaluation) -> None:
        super().__init__(message)
        self.evaluation = evaluation


@dataclass(frozen=True, slots=True)
class ValidRows:
    """What was drawn, without the rows that break a rule.

    Attributes:
        table: columns that chance had a part in, as the rows were judged by them.
        broken_rules: how many of all rows drawn broke each rule, by its source.
        computed_columns: the columns that are what an equation says.
    """

    samples: Samples
    table: pa.Table = field(default_factory=lambda: pa.table({}))
    broken_rules: Mapping[str, int] = field(default_factory=dict)
    computed_columns: frozenset[str] = frozenset()

    def in_order(self, places: NDArray[np.int64] | None) -> ValidRows:
        """Return the rows in another order; None is the one that they have."""
        if places is None:
            return self
        table = self.table.take(pa.array(places)) if self.table.num_columns else self.table
        return replace(self, samples=self.samples.of_rows(places), table=table)

    def as_judged(self, twin: pa.Table, places: NDArray[np.int64]) -> pa.Table:
        """Return the twin of the rows at these places, with the columns by which they were judged."""
        for name in self.table.column_names:
            values = self.table.column(name).take(pa.array(places))
            twin = twin.set_column(twin.column_names.index(name), name, values)
        return twin


def sample_valid_rows(case: Case) -> ValidRows:
    """Draw rows that keep the rules of the twin, and some to spare; once more if too few of them do.

    Raises:
        ModelError: too few rows keep the rules; names those that most rows break.
        SynthError: the backend failed.
    """
    task, rows = case.task, case.rows
    samples = draw(task, case.source, case.treatments, rows, case.context, family=case.family)
    rows = rows if samples.rows is None else samples.rows
    case = replace(case, rows=rows)
    rules = case.enforceable.of_rows or early(case)
    if not rows or not len(samples.training.columns):
        return ValidRows(samples)
    if not rules:
        return ValidRows(_like_real_ones(case, samples))
    valid_rows = select_valid_rows(case, samples, unlike=_unlike(case, samples))
    if len(valid_rows.samples.synthetic) < rows + SPARE:
        more = _rows_needed(case, valid_rows, len(samples.synthetic)) - rows
        samples = draw(task, case.source, case.treatments, rows, case.context, spare=more, family=case.family)
        valid_rows = select_valid_rows(case, samples, unlike=_unlike(case, samples))
    fewest = rows if samples.rows is None else ceil(rows * (1 - MOST_LOST))
    if len(valid_rows.samples.synthetic) < fewest:
        raise _too_few(case, valid_rows, len(samples.synthetic))
    return valid_rows


def _rows_needed(case: Case, valid_rows: ValidRows, rows_drawn: int) -> int:
    """Return how many rows to draw for enough to keep the rules, almost surely.

    No more, for others go unused.

    Raises:
        ModelError: the share that keeps them is too small.
    """
    share = len(valid_rows.samples.synthetic) / rows_drawn
    if share < LEAST:
        raise _too_few(case, valid_rows, rows_drawn)
    error = sqrt(share * (1 - share) / rows_drawn)
    return ceil((case.rows + _spare(case)) / max(share - SURELY * error, LEAST / 2))


def _spare(case: Case) -> int:
    return spare_rows(case.rows, halves=case.source.halves)


def select_valid_rows(case: Case, samples: Samples, *, unlike: NDArray[np.bool_] | bool = False) -> ValidRows:
    """Return the rows that keep every rule, no more of them than a run without rules draws.

    Args:
        case: of the twin.
        samples: the rows that were drawn.
        unlike: which of them go all the same.
    """
    formulas = early(case)
    names = frozenset().union(*case.enforceable.mentioned_columns, *formulas.values())
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 2])
    table = rehearse(samples.synthetic, case.treatments, names, real=case.source.real, rng=rng)
    judgement = judge(case, table, case.enforceable.of_rows, [*equations(formulas), *_equations(case)])
    synthetic = _with_computed(samples, case.treatments, judgement.computed_columns)
    is_broken, counts = _count_violations(judgement, table, case.enforceable.of_rows)
    is_broken |= unlike | _is_illegible(samples, case.treatments, judgement.computed_columns)
    kept_rows, first_rows = _valid_rows(case, samples, is_broken)
    days = {one.column.name for one in case.treatments if one.role is Role.DATE_OF_BIRTH}
    final = [name for name in table.column_names if name in days]
    return ValidRows(
        replace(samples, synthetic=synthetic, rows=first_rows).of_rows(kept_rows),
        table.select(final).take(pa.array(kept_rows)),
        counts,
        frozenset(judgement.computed_columns.column_names),
    )


def _like_real_ones(case: Case, samples: Samples) -> Samples:
    """Return the rows without those that no real ones are like, as far as there are others to spare."""
    unlike = _unlike(case, samples)
    if not unlike.any():
        return samples
    kept_rows, first_rows = _valid_rows(case, samples, unlike)
    return replace(samples, rows=first_rows).of_rows(kept_rows) if len(kept_rows) >= case.rows else samples


def _unlike(case: Case, samples: Samples) -> NDArray[np.bool_]:
    """Return which rows no real ones are like; none of them where that is too many."""
    numbers = [one for one in case.treatments if one.role is Role.NUMBER]
    unlike = unlike_any(samples.synthetic, learnable(case.source.real, numbers), case.source.units)
    return unlike if unlike.mean() <= MOST_UNLIKE else np.zeros(len(unlike), bool)


def _with_computed(
    samples: Samples, treatments: Sequence[Treatment], computed_columns: pa.Table
) -> pd.DataFrame:
    """Return the rows with computed columns as they are learned: of a range its two ends."""
    some = [one for one in treatments if one.column.name in computed_columns.column_names]
    learned_columns = learnable(computed_columns, some)
    for one in some:
        if isinstance(one.form, WrittenForm) and one.column.name in samples.synthetic:
            values = learned_columns[one.column.name]
            learned_columns[one.column.name] = values.fillna(samples.synthetic[one.column.name])
    return samples.synthetic.assign(
        **{
            name: _of_type(learned_columns[name], samples.training[name].dtype)
            for name in learned_columns.columns
            if name in samples.training
        }
    )


def _is_illegible(
    samples: Samples, treatments: Sequence[Treatment], computed_columns: pa.Table
) -> NDArray[np.bool_]:
    """Return in which rows computed text is not of the form of its column, as `-1:30` is no time."""
    result = np.zeros(len(samples.synthetic), dtype=bool)
    for one in treatments:
        name = one.column.name
        if isinstance(one.form, WrittenForm) and name in computed_columns.column_names:
            texts = computed_columns.column(name)
            is_odd = one.form.read(texts).isna().to_numpy(bool)
            never_null = name in samples.training and bool(samples.training[name].notna().all())
            result |= is_odd if never_null else is_odd & texts.is_valid().to_numpy()
    return result


def _of_type(values: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Return a column in another type; moments keep their place where only one side has a zone."""
    if pd.api.types.is_datetime64_any_dtype(values) and pd.api.types.is_datetime64_any_dtype(dtype):
        zone = getattr(dtype, "tz", None)
        moments = pd.to_datetime(values, utc=True)
        values = moments.dt.tz_localize(None) if zone is None else moments.dt.tz_convert(zone)
    return values.astype(dtype)


def _valid_rows(
    case: Case, samples: Samples, is_broken: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int | None]:
    """Return the rows that keep all rules, those of the twin first, and how many these are of histories.

    In a history a row makes way for one of the same owner. Where all of an owner's are needed elsewhere, it
    is one of another owner, unless nobody may have more than one.
    """
    valid_rows = np.flatnonzero(~is_broken)
    most = case.rows + _spare(case)
    if samples.owner is None or samples.rows is None:
        return valid_rows[:most], samples.rows
    places = np.arange(samples.rows)
    rows, spare = places[is_broken[places]], valid_rows[valid_rows >= samples.rows]
    places[rows] = replacements(rows, spare, samples.owner)
    spare = np.setdiff1d(spare, places)
    if not is_one_to_one(case.family, case.treatments):
        empty = np.flatnonzero(places < 0)[: len(spare)]
        places[empty] = spare[: len(empty)]
        spare = spare[len(empty) :]
    places = places[places >= 0]
    return np.concatenate([places, spare])[:most], len(places)


def _equations(case: Case) -> list[Equation]:
    """Return for each rule that decides a column that column: learned, and left alone by the user."""
    model = case.task.model
    free = {
        one.column.name
        for one in case.treatments
        if one.role in {Role.NUMBER, Role.DATETIME} and one.form is None
    }
    free -= {*model.seed_columns, *model.balance}
    pairs = (
        (rule, next((one for one in rule.sets if one[0] in free), None)) for rule in case.enforceable.of_rows
    )
    by_column = {sets[0]: (rule, *sets) for rule, sets in pairs if sets}
    return list(by_column.values())


def _is_check(rule: Rule) -> bool:
    """Return whether a rule is a check of the relation itself, which its twin can go without."""
    return rule.source.startswith("check ")


def _count_violations(
    judgement: Judgement, table: pa.Table, rules: Sequence[Rule]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Return which rows break a rule, and how many break each that is broken."""
    violations = judgement.violations
    is_broken = np.zeros(table.num_rows, dtype=bool)
    is_broken[list(violations)] = True
    counts = np.array(list(violations.values()), dtype=int).reshape(len(violations), len(rules)).sum(axis=0)
    return is_broken, {rule.source: int(n) for rule, n in zip(rules, counts, strict=True) if n}


def without_broken(
    case: Case, valid_rows: ValidRows, draft: TwinTable, *, most: float = LEFT_OUT
) -> TwinTable:
    """Return the twin without rows that break a rule by what was made or computed after they were judged.

    A check of the table that too many rows break decides nothing: the stage goes without it.

    Raises:
        ModelError: these are more than `most` of the rows.
    """
    final = columns_by_row(case.treatments) - valid_rows.computed_columns
    enforceable = case.enforceable
    rules = [
        rule
        for rule, names in zip(enforceable.of_rows, enforceable.mentioned_columns, strict=True)
        if not names <= final
    ]
    if not rules or not draft.table.num_rows:
        return draft
    names = frozenset().union(*enforceable.mentioned_columns)
    table = draft.table.select([name for name in draft.table.column_names if name in names])
    is_broken, counts = _count_violations(judge(case, table, rules), table, rules)
    rest = [
        rule for rule in rules if not (_is_check(rule) and counts.get(rule.source, 0) > most * len(is_broken))
    ]
    if len(rest) < len(rules):
        is_broken, counts = _count_violations(judge(case, table, rest), table, rest)
    if is_broken.mean() > most:
        shares = _shares(counts, len(is_broken))
        raise ModelError(
            f"What is made or computed of {case.task.model.name} breaks its rules: {shares}. Next: give the "
            f"columns another role in {case.task.model.path}, or the test `severity: warn`."
        )
    return replace(
        draft,
        table=draft.table.filter(pa.array(~is_broken)),
        broken_rules=counts,
        places=draft.places[~is_broken],
    )


def refuse_broken(case: Case, draft: TwinTable, evaluation: Evaluation | None) -> None:
    """Refuse a twin that as a whole is not what a test demands, before anybody can see it.

    Raises:
        ModelError: names the tests; a `RejectedError` where there is an evaluation to show.
    """
    rules = case.enforceable.of_tables
    if not rules:
        return
    outcomes = case.context.warehouse.broken_together(candidates(case, draft.table), rules)
    broken_rules = [
        rule.source
        for rule, outcome in zip(rules, outcomes, strict=True)
        if outcome.violations or outcome.failure
    ]
    if not broken_rules:
        return
    name, path = case.task.model.name, case.task.model.path
    reasons = (
        f"The twin of {name} breaks {', '.join(broken_rules)}, which the real rows keep. Next: give the test "
        f"`severity: warn` in {path}, or more `rows` if it is about a sum or a count."
    )
    raise ModelError(reasons) if evaluation is None else RejectedError(reasons, evaluation)


def _too_few(case: Case, valid_rows: ValidRows, rows_drawn: int) -> ModelError:
    model = case.task.model
    return ModelError(
        f"Backend {case.task.backend} cannot draw enough rows of {model.name} that its tests allow: of "
        f"{rows_drawn:,} rows {len(valid_rows.samples.synthetic):,} keep all rules; "
        f"{_shares(valid_rows.broken_rules, rows_drawn)}. "
        f"Next: choose another backend, or give the test `severity: warn` in {model.path}."
    )


def _shares(violations: Mapping[str, int], rows: int) -> str:
    """Return the rules that most rows break, and how many do."""
    worst = sorted(violations.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{count / rows:.0%} break {source}" for source, count in worst)
