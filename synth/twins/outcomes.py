"""What becomes of one task of a run: a twin, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

from synth import log
from synth.dbt.tests import published_twins
from synth.domain import Status
from synth.errors import PendingError, SynthError
from synth.sampling.rejection import RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from synth.domain import Evaluation, Task
    from synth.sampling.context import RunContext
    from synth.twins.across import Draft
    from synth.twins.twin import Twin

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no twin of a model."""

    status: Status
    message: str
    evaluation: Evaluation | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()

    @property
    def is_rejection(self) -> bool:
        """Whether the gate did not let the twin pass: its children can have keys of their own."""
        return self.status is Status.REJECTED and self.evaluation is not None


@dataclass(frozen=True, slots=True)
class TaskOutcome(Generic[Work]):
    """What became of one task, and how long it took in seconds."""

    outcome: Work | Failure
    seconds: float


def attempt_task(task: Task, work: Callable[[], Work]) -> TaskOutcome[Work]:
    """Return what comes of the work for one task, errors included: no model stops another."""
    start = perf_counter()
    outcome: Work | Failure
    try:
        outcome = work()
    except RejectedError as error:
        outcome = Failure(Status.REJECTED, str(error), error.evaluation)
    except PendingError as error:
        jobs = tuple(f"{task.backend}/{name}" for name in error.jobs)
        outcome = Failure(Status.PENDING, f"{error}. Next: the same command again", jobs=jobs)
    except SynthError as error:
        outcome = Failure(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one model's way must not stop the others
        outcome = Failure(Status.ERROR, f"{task.model.name}: {log.describe_unexpected(error)}.")
    return TaskOutcome(outcome, perf_counter() - start)


def rejected_parents(outcomes: Mapping[str, Twin | Draft | Failure]) -> tuple[frozenset[str], Failure | None]:
    """Return the parents that the gate rejected, and what comes of a child because of others that failed."""
    failures = {name: one for name, one in outcomes.items() if isinstance(one, Failure)}
    rejected_models = frozenset(name for name, one in failures.items() if one.is_rejection)
    other_failures = {name: one.status for name, one in failures.items() if name not in rejected_models}
    if not other_failures:
        return rejected_models, None
    names = ", ".join(sorted(other_failures))
    if set(other_failures.values()) == {Status.PENDING}:
        return rejected_models, Failure(Status.PENDING, f"it waits for {names}")
    return rejected_models, Failure(Status.SKIPPED, f"it references {names}, which failed")


def without(rejected_models: Collection[str], context: RunContext) -> RunContext:
    """Return the context in which parents whose twins were rejected never asked for one.

    One that has a twin of before keeps it, and its children get the keys of that.
    """
    if not rejected_models:
        return context
    names = set(rejected_models) - set(published_twins(context.twins, context.warehouse))
    return replace(context, twins={name: place for name, place in context.twins.items() if name not in names})


def own_keys(task: Task, rejected_models: Collection[str]) -> tuple[str, ...]:
    """Return what to tell of a child of such a parent."""
    return tuple(
        f"{task.model.name}.{key.column} holds no keys of a new twin of {key.parent}, which is not published"
        for key in task.model.foreign_keys
        if key.parent in rejected_models
    )
