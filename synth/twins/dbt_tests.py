"""dbt's tests before publishing: run on staged twins, for as many of them at once as there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from synth import log
from synth.dbt.tests import DbtTestOutcome, choose, judge, published_twins, unsafe_names
from synth.domain import Status
from synth.errors import SynthError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from synth.dbt.tests import DbtTestResult
    from synth.domain import Task
    from synth.sampling.context import RunContext
    from synth.warehouse import Stage


BEARABLE = 0.1  # share of the rows for which a singular test may fail on a twin that is published


@dataclass(frozen=True, slots=True)
class TwinTestVerdict:
    """What the tests say of one twin.

    Attributes:
        blocking_status: how the model leaves the run because of them; None if it may be published.
        message: why.
        outcomes: of each test that reads the model, by name.
    """

    blocking_status: Status | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)


def is_bearable(result: DbtTestResult, rows: Mapping[str, int]) -> bool:
    """Return whether a singular test compares rows, or fails for few of them; no twin is made to keep it.

    Args:
        result: of the test on twins.
        rows: of each twin, by `unique_id`.
    """
    parents = result.test.parents
    most = max((rows.get(name, 0) for name in parents), default=0)
    is_failure = result.outcome is DbtTestOutcome.FAIL and not result.test.attached_node
    is_few = result.failures < BEARABLE * most
    return is_failure and (len(parents) > 1 or result.test.meets_others or is_few)


class TwinTests:
    """The tests of one run; dbt takes seconds to start, so it is asked about many twins at once."""

    def __init__(self, tasks: Iterable[Task], context: RunContext) -> None:
        self._models = {task.model.unique_id: task.model for task in tasks}
        self._context = context
        self._trials: dict[str, TwinTestVerdict] = {}
        self._by_guarantee: set[str] = set()
        self._is_warned = False
        self._rows: dict[str, int] = {}
        settings = context.settings
        has_tests = settings.options.tests and any(model.tests for model in self._models.values())
        self._able = has_tests and settings.dbt is not None
        if has_tests and not self._able:
            log.warning(
                "dbt is not installed, so the project's tests are not run on the twins. "
                "Next: pip install 'dbt-synth[dbt]', or --no-tests"
            )

    def of(self, stages: Mapping[str, Stage], pending: Collection[str]) -> Mapping[str, TwinTestVerdict]:
        """Return what the tests say of each twin, by `unique_id`.

        Args:
            stages: the twins that wait for publishing, by `unique_id`.
            pending: models whose twins are still being made; a test that reads one is left for then.
        """
        # Nothing that real rows say may decide about twins by guarantee, not even that their tests pass.
        self._rows |= {name: stage.rows for name, stage in stages.items()}
        self._by_guarantee |= {name for name, stage in stages.items() if stage.guarantee}
        new = [name for name in stages if name not in self._trials]
        if new and self._able:
            try:
                results = self._run(new, stages, pending)
            except SynthError as error:
                self._trials |= dict.fromkeys(new, TwinTestVerdict(Status.ERROR, str(error)))
            else:
                self._trials |= {name: self._trial(name, results) for name in new}
        return {name: self._trials.get(name, TwinTestVerdict()) for name in stages}

    def _run(
        self, new: Iterable[str], stages: Mapping[str, Stage], pending: Collection[str]
    ) -> tuple[DbtTestResult, ...]:
        context = self._context
        twins = published_twins(context.twins, context.warehouse)
        twins |= {name: stage.relation for name, stage in stages.items()}
        foreign = context.warehouse.foreign_on_path()
        if foreign and not self._is_warned:
            log.warning(f"No dbt test is run on twins: {unsafe_names(foreign)}")
            self._is_warned = True
        able, unable = choose((self._models[name] for name in new), twins, foreign)
        now = [test for test in able if not set(test.parents) & set(pending)]
        return (*judge(now, twins, context.settings), *unable)

    def _trial(self, name: str, results: Iterable[DbtTestResult]) -> TwinTestVerdict:
        """Return what was found of one model, in words."""
        ours = [item for item in results if name in item.test.parents]
        outcomes = {item.test.name: str(item.outcome) for item in ours}
        lines = tuple(
            f"dbt test {item.test.name}: {item.message}"
            for item in ours
            if item.outcome is DbtTestOutcome.WARN
        )
        silent = sum(item.outcome is DbtTestOutcome.SKIPPED and item.test.stores_failures for item in ours)
        if silent:
            lines = (*lines, f"{silent} dbt tests are not run on twins, because they store their failures")
        failures = [item for item in ours if item.outcome.blocks]
        noise = [item for item in failures if self._by_guarantee & {*item.test.parents}]
        lines += tuple(
            f"dbt test {item.test.name}: {item.message}; the noise of a twin by guarantee explains that"
            for item in noise
        )
        failures = [item for item in failures if item not in noise]
        singular = [item for item in failures if is_bearable(item, self._rows)]
        lines += tuple(
            f"dbt test {item.test.name}: {item.message}; it is SQL of its own, which no twin is made to keep"
            for item in singular
        )
        failures = [item for item in failures if item not in singular]
        if not failures:
            return TwinTestVerdict(warnings=lines, outcomes=outcomes)
        message = "; ".join(f"the dbt test {item.test.name}: {item.message}" for item in failures)
        own = self._models[name]
        way = f"publish all the same: synth run --select {own.name} --no-tests"
        if all(set(item.test.parents) == {name} for item in failures):  # what reads other models is no CHECK
            way = f"state it as a `check` constraint if it is about each row on its own; or {way}"
        return TwinTestVerdict(Status.REJECTED, f"{message}. Next: {way}", lines, outcomes)
