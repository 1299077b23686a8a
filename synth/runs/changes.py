"""Which tasks of a run are worth their work: those whose twin is missing, or would be another one today."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from synth.domain import ModelResult, Status
from synth.runs.attempts import asked
from synth.runs.fingerprint import PARENT, difference, inputs
from synth.warehouse import Stage
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import Relation, Task
    from synth.settings import Settings
    from synth.warehouse import Snapshot, Warehouse
    from synth.warehouse.ledger import PublishedTwin
    from synth.warehouse.units import Unit


@dataclass(frozen=True, slots=True)
class Known:
    """What there is of twins: as published, and as far as the run has come, if its user named it.

    Attributes:
        invocation_id: of this command.
        published: by `unique_id`; `units` likewise.
        intact: the models whose twin is there as it was published.
        force: whether everything is made anew.
    """

    run_id: str
    invocation_id: str
    published: Mapping[str, PublishedTwin]
    units: Mapping[str, Unit] = field(default_factory=dict)
    intact: frozenset[str] = frozenset()
    force: bool = False

    def staged(self, unique_id: str) -> Stage | None:
        """The twin that waits for the publishing of this run."""
        unit = self.units.get(unique_id)
        if unit is None or unit.state is not State.STAGED or unit.stage is None:
            return None
        return Stage.from_dict(unit.stage)

    def settled(self, unique_id: str) -> bool:
        """Whether the run has made the model's twin before."""
        unit = self.units.get(unique_id)
        return unit is not None and unit.state in {State.STAGED, State.PUBLISHED}

    def maker(self, unique_id: str) -> str:
        """The command that made the twin whose keys a child would get now."""
        made = self.staged(unique_id) or self.published.get(unique_id)
        return made.invocation_id if made else ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a twin is to be made.

    Attributes:
        inputs: what it would be made from.
        reason: to make it; empty when there is none.
        note: why there is nothing to make; empty when there is something.
        rows: of the twin that stays.
        stage: where it waits, if this run has staged it.
    """

    task: Task
    inputs: Mapping[str, str]
    reason: str = ""
    note: str = ""
    rows: int = 0
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a command has to do.

    Attributes:
        todo: the twins to make or publish, parents before children.
        inputs: what each is made from, by `unique_id`.
        staged: the twins that others have made for this run, by `unique_id`.
        waiting: those of `todo` that are made already; `blocked` are those that cannot be, with the reason.
        settled: the tasks that need no work.
    """

    todo: tuple[Task, ...]
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    staged: Mapping[str, Relation] = field(default_factory=dict)
    waiting: Mapping[str, Stage] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, ModelResult] = field(default_factory=dict)


def agenda(tasks: Sequence[Task], decisions: Mapping[str, Decision], known: Known, *, keep: bool) -> Agenda:
    """What is to be made of `tasks`, and published unless it is to be kept.

    Args:
        tasks: what was asked for.
        decisions: about these, and about models that they reference.
        known: what there is.
        keep: leave twins staged.
    """
    ours = [decisions[task.model.unique_id] for task in tasks]
    waiting = {one.task.model.unique_id: one.stage for one in ours if one.stage is not None and not keep}
    todo = tuple(one.task for one in ours if one.reason or one.task.model.unique_id in waiting)
    return Agenda(
        todo,
        waiting=waiting,
        inputs={name: decision.inputs for name, decision in decisions.items()},
        staged={name: stage.relation for name in known.units if (stage := known.staged(name)) is not None},
        blocked=_blocked(todo, tasks, decisions, known, keep=keep),
        settled={
            decision.task.model.unique_id: ModelResult(
                decision.task, Status.UNCHANGED, rows=decision.rows, message=decision.note
            )
            for decision in ours
            if decision.task not in todo
        },
    )


def _blocked(
    todo: Sequence[Task],
    asked_for: Sequence[Task],
    decisions: Mapping[str, Decision],
    known: Known,
    *,
    keep: bool,
) -> dict[str, str]:
    """Children whose keys would not be those of the twin that will be there, and why."""
    here = {task.model.unique_id for task in asked_for}
    found = {}
    for task in todo:
        for name in sorted({key.parent for key in task.model.foreign_keys} - here):
            parent = decisions.get(name)
            if not keep and known.staged(name) is not None:
                found[task.model.unique_id] = (
                    f"it references {name}, which run {known.run_id} has staged and not published. "
                    f"Next: synth publish {known.run_id}"
                )
            elif keep and parent is not None and parent.reason:
                found[task.model.unique_id] = (
                    f"it references {name}, which run {known.run_id} has to make first ({parent.reason}). "
                    f"Next: synth run --select {parent.task.model.name} --run-id {known.run_id} --no-publish"
                )
    return found


def decide(
    tasks: Sequence[Task],
    settings: Settings,
    known: Known,
    *,
    warehouse: Warehouse,
    snapshot: Snapshot,
    twins: Collection[str],
) -> dict[str, Decision]:
    """Whether each task is worth its work, by `unique_id`; parents come before their children.

    Raises:
        WarehouseError: Postgres refused.
    """
    with ThreadPoolExecutor(settings.threads) as pool:
        rows = list(pool.map(lambda task: snapshot.content(task.model.relation), tasks))
    decisions: dict[str, Decision] = {}
    for task, content in zip(tasks, rows, strict=True):
        found = inputs(
            task,
            settings,
            columns=warehouse.describe(task.model.relation),
            rows=content,
            asked=asked(task, settings),
            parents=_makers(task, decisions, known, twins),
        )
        decisions[task.model.unique_id] = _decision(task, found, known)
    return decisions


def _makers(
    task: Task, decisions: Mapping[str, Decision], known: Known, twins: Collection[str]
) -> dict[str, str]:
    """The commands that have made, or are about to make, the twins that the task's model references."""
    parents = {key.parent for key in task.model.foreign_keys} & set(twins) - {task.model.unique_id}
    anew = {name for name in parents if name in decisions and decisions[name].reason}
    return {name: known.invocation_id if name in anew else known.maker(name) for name in parents}


def _decision(task: Task, found: Mapping[str, str], known: Known) -> Decision:
    name = task.model.unique_id
    published, staged = known.published.get(name), known.staged(name)
    if known.force:
        return Decision(task, found, "it is forced")
    if staged is not None and of_same_parents(staged.inputs, found):
        note = f"run {known.run_id} has staged it already"
        return Decision(task, found, note=note, rows=staged.rows, stage=staged)
    if published is None:
        return Decision(task, found, "it has no twin")
    if name not in known.intact:
        return Decision(task, found, "its twin is not as it was published")
    if published.run_id == known.run_id and of_same_parents(published.inputs, found):
        note = f"run {known.run_id} has published it already"
        return Decision(task, found, note=note, rows=published.rows)
    reason = difference(published.inputs, found)
    note = "" if reason else f"nothing changed since run {published.run_id}"
    return Decision(task, found, reason, note, published.rows)


def of_same_parents(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether two twins hold keys of the same parents' twins."""

    def parents(parts: Mapping[str, str]) -> dict[str, str]:
        return {part: made for part, made in parts.items() if part.startswith(PARENT)}

    return parents(old) == parents(new)
