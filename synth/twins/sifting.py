"""Rows that break a rule are drawn anew: they never reach the gate, the store or the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from synth.columns.conform import as_learned, columns_by_row, rehearse
from synth.domain import Role
from synth.errors import ModelError
from synth.twins.computing import candidates, early, equations, judge
from synth.twins.gate import RejectedError
from synth.twins.redraw import SPARE, spare_rows
from synth.twins.synthesis import draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.domain import Evaluation, Rule
    from synth.twins.workshop import Case, Drawn, Made
    from synth.warehouse.rules import Equation, Judgement

SURELY = 3  # standard errors that the share of rows that keep the rules may be smaller than it seemed
LEAST = 0.1  # share of the rows that must keep the rules; below, the backend has not learned them
LEFT_OUT = 0.01  # share of the twin that may be left out for rules about keys


@dataclass(frozen=True, slots=True)
class Sifted:
    """What was drawn, without the rows that break a rule.

    Attributes:
        made: columns that chance had a part in, as the rows were judged by them.
        broken: how many of all rows drawn broke each rule, by its source.
        computed: the columns that are what an equation says.
    """

    drawn: Drawn
    made: pa.Table = field(default_factory=lambda: pa.table({}))
    broken: Mapping[str, int] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()

    def as_judged(self, twin: pa.Table, places: NDArray[np.int64]) -> pa.Table:
        """The twin of the rows at these places, with the columns by which they were judged."""
        for name in self.made.column_names:
            judged = self.made.column(name).take(pa.array(places))
            twin = twin.set_column(twin.column_names.index(name), name, judged)
        return twin


def draw_sifted(case: Case) -> Sifted:
    """Rows for the twin that keep its rules, and some to spare; drawn again if too few of the first do.

    Raises:
        ModelError: too few rows keep the rules; names those that most rows break.
        SynthError: the backend failed.
    """
    task, rows = case.task, case.rows
    drawn = draw(task, case.source, case.treatments, rows, case.shop, family=case.family)
    rows = rows if drawn.rows is None else drawn.rows
    case = replace(case, rows=rows)
    judged = case.standing.of_rows or early(case)
    if not judged or not rows or not len(drawn.training.columns):
        return Sifted(drawn)
    sifted = sift(case, drawn)
    if len(sifted.drawn.synthetic) < rows + SPARE:
        more = _needed(case, sifted, len(drawn.synthetic)) - rows
        drawn = draw(task, case.source, case.treatments, rows, case.shop, spare=more, family=case.family)
        sifted = sift(case, drawn)
    if len(sifted.drawn.synthetic) < rows:
        raise _too_few(case, sifted, len(drawn.synthetic))
    return sifted


def _needed(case: Case, sifted: Sifted, drawn: int) -> int:
    """How many rows to draw for enough to keep the rules, almost surely; no more, for others go unused.

    Raises:
        ModelError: the share that keeps them is too small.
    """
    share = len(sifted.drawn.synthetic) / drawn
    if share < LEAST:
        raise _too_few(case, sifted, drawn)
    error = sqrt(share * (1 - share) / drawn)
    return ceil((case.rows + _spare(case)) / max(share - SURELY * error, LEAST / 2))


def _spare(case: Case) -> int:
    return spare_rows(case.rows, halves=case.source.halves)


def sift(case: Case, drawn: Drawn) -> Sifted:
    """Return the rows that keep every rule, no more of them than a run without rules draws."""
    formulas = early(case)
    names = frozenset().union(*case.standing.mentioned_columns, *formulas.values())
    rng = np.random.default_rng([case.task.seed, *case.task.model.unique_id.encode(), 2])
    table = rehearse(drawn.synthetic, case.treatments, names, real=case.source.real, rng=rng)
    judged = judge(case, table, case.standing.of_rows, [*equations(formulas), *_equations(case)])
    synthetic = drawn.synthetic.assign(
        **{
            name: as_learned(judged.computed_columns.column(name), drawn.training[name].dtype)
            for name in judged.computed_columns.column_names
        }
    )
    broken, counts = _counted(judged, table, case.standing.of_rows)
    kept = np.flatnonzero(~broken)[: case.rows + _spare(case)]
    days = {one.column.name for one in case.treatments if one.role is Role.DATE_OF_BIRTH}
    final = [name for name in table.column_names if name in days]
    return Sifted(
        replace(drawn, synthetic=synthetic).of_rows(kept),
        table.select(final).take(pa.array(kept)),
        counts,
        frozenset(judged.computed_columns.column_names),
    )


def _equations(case: Case) -> list[Equation]:
    """For each rule that decides a column, that column: a learned number or date that the user left alone."""
    model = case.task.model
    free = {
        one.column.name
        for one in case.treatments
        if one.role in {Role.NUMBER, Role.DATETIME} and one.form is None
    }
    free -= {*model.seed_columns, *model.balance}
    found = (
        (rule, next((one for one in rule.sets if one[0] in free), None)) for rule in case.standing.of_rows
    )
    by_column = {sets[0]: (rule, *sets) for rule, sets in found if sets}
    return list(by_column.values())


def _counted(
    judged: Judgement, table: pa.Table, rules: Sequence[Rule]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which rows break a rule, and how many break each that is broken."""
    found = judged.violations
    broken = np.zeros(table.num_rows, dtype=bool)
    broken[list(found)] = True
    counts = np.array(list(found.values()), dtype=int).reshape(len(found), len(rules)).sum(axis=0)
    return broken, {rule.source: int(n) for rule, n in zip(rules, counts, strict=True) if n}


def without_broken(case: Case, sifted: Sifted, made: Made, *, most: float = LEFT_OUT) -> Made:
    """The twin without rows that break a rule by what was made or computed after they were judged.

    Raises:
        ModelError: these are more than `most` of the rows.
    """
    final = columns_by_row(case.treatments) - sifted.computed
    standing = case.standing
    rules = [
        rule
        for rule, names in zip(standing.of_rows, standing.mentioned_columns, strict=True)
        if not names <= final
    ]
    if not rules or not made.table.num_rows:
        return made
    names = frozenset().union(*standing.mentioned_columns)
    table = made.table.select([name for name in made.table.column_names if name in names])
    broken, counts = _counted(judge(case, table, rules), table, rules)
    if broken.mean() > most:
        said = _shares(counts, len(broken))
        raise ModelError(
            f"New keys and identifiers of {case.task.model.name} break its rules: {said}. Next: give the "
            f"columns another role in {case.task.model.path}, or the test `severity: warn`."
        )
    return replace(
        made, table=made.table.filter(pa.array(~broken)), broken=counts, places=made.places[~broken]
    )


def refuse_broken(case: Case, made: Made, evaluation: Evaluation | None) -> None:
    """Refuse a twin that as a whole is not what a test demands, before anybody can see it.

    Raises:
        ModelError: names the tests; a `RejectedError` where there is an evaluation to show.
    """
    rules = case.standing.of_tables
    if not rules:
        return
    outcomes = case.shop.warehouse.broken_together(candidates(case, made.table), rules)
    broken = [
        rule.source
        for rule, outcome in zip(rules, outcomes, strict=True)
        if outcome.violations or outcome.failure
    ]
    if not broken:
        return
    name, path = case.task.model.name, case.task.model.path
    said = (
        f"The twin of {name} breaks {', '.join(broken)}, which the real rows keep. Next: give the test "
        f"`severity: warn` in {path}, or more `rows` if it is about a sum or a count."
    )
    raise ModelError(said) if evaluation is None else RejectedError(said, evaluation)


def _too_few(case: Case, sifted: Sifted, drawn: int) -> ModelError:
    model = case.task.model
    return ModelError(
        f"Backend {case.task.backend} cannot draw enough rows of {model.name} that its tests allow: of "
        f"{drawn:,} rows {len(sifted.drawn.synthetic):,} keep all rules; {_shares(sifted.broken, drawn)}. "
        f"Next: choose another backend, or give the test `severity: warn` in {model.path}."
    )


def _shares(broken: Mapping[str, int], rows: int) -> str:
    """The rules that most rows break, and how many do."""
    worst = sorted(broken.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{count / rows:.0%} break {source}" for source, count in worst)
