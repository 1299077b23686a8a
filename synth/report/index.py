"""What the page of a project lists: its models, and its runs, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from synth.domain import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

TREND = 20  # runs of a model that its trend goes back
STYLES = {
    Status.PUBLISHED: "pass",
    Status.SYNTHESIZED: "pass",
    Status.UNCHANGED: "pass",
    Status.SKIPPED: "none",
    Status.PENDING: "none",
}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How one model left one run.

    Attributes:
        moment: when the run ended, as ISO 8601 has it.
        report: where the report is, below the folder of the run; empty: there is none.
    """

    run_id: str
    moment: str
    unique_id: str
    relation: str
    status: Status
    verdict: Verdict | None
    fidelity: float | None
    rows: int
    message: str = ""
    report: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.unique_id.rpartition(".")[2]

    @property
    def link(self) -> str:
        """Where a page beside the folder of all runs finds the report."""
        return quote(f"runs/{self.run_id}/{self.report}") if self.report else ""

    @property
    def style(self) -> str:
        """The colour that the status has."""
        if self.status is Status.PUBLISHED and self.verdict in {Verdict.INCONCLUSIVE, Verdict.FAIL}:
            return Verdict.INCONCLUSIVE
        return STYLES.get(self.status, "fail")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model, with its outcomes, newest first."""

    outcomes: tuple[RunOutcome, ...]

    @property
    def latest(self) -> RunOutcome:
        """How it left its last run that had something to do."""
        return (self.twin_outcomes or self.outcomes)[0]

    @property
    def twin_outcomes(self) -> tuple[RunOutcome, ...]:
        """The outcomes of runs that did not leave it as it was."""
        return tuple(outcome for outcome in self.outcomes if outcome.status is not Status.UNCHANGED)

    @property
    def published_run(self) -> RunOutcome | None:
        """The run that made the twin that analysts have now, as far as this folder knows."""
        return next((outcome for outcome in self.outcomes if outcome.status is Status.PUBLISHED), None)

    @property
    def trend(self) -> tuple[float | None, ...]:
        """The fidelity of its last runs, oldest first."""
        return tuple(outcome.fidelity for outcome in reversed(self.twin_outcomes[:TREND]))


@dataclass(frozen=True, slots=True)
class Index:
    """The models of a project by name, and its runs, newest first, each with its outcomes."""

    project: str
    models: tuple[ModelEntry, ...]
    runs: tuple[tuple[RunOutcome, ...], ...]

    @classmethod
    def of(cls, runs: Sequence[Sequence[RunOutcome]]) -> Index:
        """Return the page of these runs, newest first, each of one outcome at least."""
        by_model: dict[str, list[RunOutcome]] = {}
        for run in runs:
            for outcome in run:
                by_model.setdefault(outcome.unique_id, []).append(outcome)
        models = tuple(ModelEntry(tuple(by_model[name])) for name in sorted(by_model))
        # A unique_id is the kind of a node, its project, and its name.
        project = runs[0][0].unique_id.split(".")[1] if runs else "No run yet"
        return cls(project, models, tuple(tuple(run) for run in runs))
