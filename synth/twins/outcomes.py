"""What becomes of one task of a run: a twin, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

from synth import log
from synth.dbt.tests import published_twins
from synth.domain import Status
from synth.errors import PendingError, SynthError
from synth.twins.gate import RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from synth.domain import Evaluation, Task
    from synth.twins.across import Draft
    from synth.twins.twin import Twin
    from synth.twins.workshop import Workshop

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no twin of a model."""

    status: Status
    message: str
    evaluation: Evaluation | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the gate did not let the twin pass: its children can have keys of their own."""
        return self.status is Status.REJECTED and self.evaluation is not None


@dataclass(frozen=True, slots=True)
class TaskOutcome(Generic[Work]):
    """What became of one task, and how long it took in seconds."""

    outcome: Work | Failed
    seconds: float


def attempted(task: Task, work: Callable[[], Work]) -> TaskOutcome[Work]:
    """What comes of the work for one task, errors included: no model stops another."""
    started = perf_counter()
    outcome: Work | Failed
    try:
        outcome = work()
    except RejectedError as error:
        outcome = Failed(Status.REJECTED, str(error), error.evaluation)
    except PendingError as error:
        jobs = tuple(f"{task.backend}/{name}" for name in error.jobs)
        outcome = Failed(Status.PENDING, f"{error}. Next: the same command again", jobs=jobs)
    except SynthError as error:
        outcome = Failed(Status.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one model's way must not stop the others
        outcome = Failed(Status.ERROR, f"{task.model.name}: {log.describe_unexpected(error)}.")
    return TaskOutcome(outcome, perf_counter() - started)


def judged(outcomes: Mapping[str, Twin | Draft | Failed]) -> tuple[frozenset[str], Failed | None]:
    """The parents that the gate did not let pass, and what comes of a child because of the others lost."""
    failed = {name: one for name, one in outcomes.items() if isinstance(one, Failed)}
    rejected = frozenset(name for name, one in failed.items() if one.judged)
    lost = {name: one.status for name, one in failed.items() if name not in rejected}
    if not lost:
        return rejected, None
    names = ", ".join(sorted(lost))
    if set(lost.values()) == {Status.PENDING}:
        return rejected, Failed(Status.PENDING, f"it waits for {names}")
    return rejected, Failed(Status.SKIPPED, f"it references {names}, which failed")


def without(rejected: Collection[str], shop: Workshop) -> Workshop:
    """The shop where a parent whose twin was rejected is as one that never asked for a twin.

    One that has a twin of before keeps it, and its children get the keys of that.
    """
    if not rejected:
        return shop
    names = set(rejected) - set(published_twins(shop.twins, shop.warehouse))
    return replace(shop, twins={name: place for name, place in shop.twins.items() if name not in names})


def own_keys(task: Task, rejected: Collection[str]) -> tuple[str, ...]:
    """What to tell of a child of such a parent."""
    return tuple(
        f"{task.model.name}.{key.column} holds no keys of a new twin of {key.parent}, which is not published"
        for key in task.model.foreign_keys
        if key.parent in rejected
    )
