"""How models left a run, and how the run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain.evaluation import Evaluation
    from synth.domain.models import Task


class Status(StrEnum):
    """How a model left a run."""

    PUBLISHED = "published"
    SYNTHESIZED = "synthesized"  # checked, stored and staged; not published (yet)
    REJECTED = "rejected"  # the evaluation or a stated rule said no
    ERROR = "error"
    SKIPPED = "skipped"  # a model it belongs together with failed
    PENDING = "pending"  # a remote job works on; the same command comes back to it
    UNCHANGED = "unchanged"  # nothing it is made from changed, so what is published stays


GOOD = frozenset({Status.PUBLISHED, Status.SYNTHESIZED, Status.UNCHANGED})


@dataclass(frozen=True, slots=True)
class ModelResult:
    """The outcome of one task.

    Attributes:
        tests: the outcomes of dbt's tests on the twin, by name.
        guarantee: what the private engine promises of the twin; empty where checks decided about it.
        inherited: the verdict of the twin that this one is a part of; empty where it is none.
    """

    task: Task
    status: Status
    rows: int = 0
    evaluation: Evaluation | None = None
    artifacts: tuple[str, ...] = ()
    seconds: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)  # of a remote service, from 0 to 100
    message: str = ""
    warnings: tuple[str, ...] = ()
    tests: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()  # remote ones that work on, such as gretel/synth-…-train
    guarantee: str = ""
    inherited: str = ""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run."""

    run_id: str
    results: tuple[ModelResult, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything asked for was published, 3 when nothing but remote jobs is awaited, else 1."""
        bad = {result.status for result in self.results} - GOOD
        return (3 if bad == {Status.PENDING} else 1) if bad else 0
