"""Which tasks of a run are worth their work: those whose twin is missing, or would be another one today."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth import log
from synth.domain import ModelResult, Status
from synth.errors import SynthError
from synth.facts.across import find_across, stated_across
from synth.runs.attempts import requested_options
from synth.runs.fingerprint import PARENT, difference, inputs
from synth.warehouse import Stage
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from synth.domain import Relation, Task
    from synth.settings import Settings
    from synth.warehouse import Snapshot, Warehouse
    from synth.warehouse.ledger import PublishedTwin
    from synth.warehouse.units import Unit


@dataclass(frozen=True, slots=True)
class TwinInventory:
    """What there is of twins: as published, and as far as the run has come, if its user named it.

    Attributes:
        invocation_id: of this command.
        published_twins: by `unique_id`; `units` likewise.
        intact: the models whose twin is there as it was published.
        force: whether everything is made anew.
    """

    run_id: str
    invocation_id: str
    published_twins: Mapping[str, PublishedTwin]
    units: Mapping[str, Unit] = field(default_factory=dict)
    intact: frozenset[str] = frozenset()
    force: bool = False

    def stage_of(self, unique_id: str) -> Stage | None:
        """Return the twin that waits for the publishing of this run."""
        unit = self.units.get(unique_id)
        if unit is None or unit.state is not State.STAGED or unit.stage is None:
            return None
        return Stage.from_dict(unit.stage)

    def is_settled(self, unique_id: str) -> bool:
        """Return whether the run has made the model's twin before."""
        unit = self.units.get(unique_id)
        return unit is not None and unit.state in {State.STAGED, State.PUBLISHED}

    def maker(self, unique_id: str) -> str:
        """Return the command that made the twin whose keys a child would get now."""
        twin = self.stage_of(unique_id) or self.published_twins.get(unique_id)
        return twin.invocation_id if twin else ""


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
        stages: the twins that others have made for this run, by `unique_id`.
        stages_to_publish: those of `todo` that are made already.
        block_reasons: why others of `todo` cannot be made.
        settled_results: the tasks that need no work.
    """

    todo: tuple[Task, ...]
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stages: Mapping[str, Relation] = field(default_factory=dict)
    stages_to_publish: Mapping[str, Stage] = field(default_factory=dict)
    block_reasons: Mapping[str, str] = field(default_factory=dict)
    settled_results: Mapping[str, ModelResult] = field(default_factory=dict)


def agenda(
    tasks: Sequence[Task], decisions: Mapping[str, Decision], inventory: TwinInventory, *, keep: bool
) -> Agenda:
    """Return what is to be made of `tasks`, and published unless it is to be kept.

    Args:
        tasks: what was asked for.
        decisions: about these, and about models that they reference.
        inventory: what there is.
        keep: leave twins staged.
    """
    ours = [decisions[task.model.unique_id] for task in tasks]
    stages_to_publish = {
        one.task.model.unique_id: one.stage for one in ours if one.stage is not None and not keep
    }
    todo = tuple(one.task for one in ours if one.reason or one.task.model.unique_id in stages_to_publish)
    return Agenda(
        todo,
        stages_to_publish=stages_to_publish,
        inputs={name: decision.inputs for name, decision in decisions.items()},
        stages={
            name: stage.relation
            for name in inventory.units
            if (stage := inventory.stage_of(name)) is not None
        },
        block_reasons=_block_reasons(todo, tasks, decisions, inventory, keep=keep),
        settled_results={
            decision.task.model.unique_id: ModelResult(
                decision.task, Status.UNCHANGED, rows=decision.rows, message=decision.note
            )
            for decision in ours
            if decision.task not in todo
        },
    )


def _block_reasons(
    todo: Sequence[Task],
    asked_for: Sequence[Task],
    decisions: Mapping[str, Decision],
    inventory: TwinInventory,
    *,
    keep: bool,
) -> dict[str, str]:
    """Return children whose keys would not be those of the twin that will be there, and why."""
    here = {task.model.unique_id for task in asked_for}
    reasons, run_id = {}, inventory.run_id
    for task in todo:
        for name in sorted(set(task.model.needed_models) - here):
            parent = decisions.get(name)
            if not keep and inventory.stage_of(name) is not None:
                reasons[task.model.unique_id] = (
                    f"it references {name}, which run {run_id} has staged and not published. "
                    f"Next: synth publish {run_id}"
                )
            elif keep and parent is not None and parent.reason:
                reasons[task.model.unique_id] = (
                    f"it references {name}, which run {run_id} has to make first ({parent.reason}). "
                    f"Next: synth run --select {parent.task.model.name} --run-id {run_id} --no-publish"
                )
    return reasons


def decide(
    tasks: Sequence[Task],
    settings: Settings,
    inventory: TwinInventory,
    *,
    warehouse: Warehouse,
    snapshot: Snapshot,
    twins: Collection[str],
) -> dict[str, Decision]:
    """Return whether each task is worth its work, by `unique_id`; parents come before their children.

    Raises:
        WarehouseError: Postgres refused.
    """
    with ThreadPoolExecutor(settings.threads) as pool:
        rows = list(pool.map(lambda task: snapshot.content(task.model.relation), tasks))

    def decisions_with(reasons: Mapping[str, str]) -> dict[str, Decision]:
        decisions: dict[str, Decision] = {}
        for task, content in zip(tasks, rows, strict=True):
            current_inputs = inputs(
                task,
                settings,
                columns=warehouse.describe(task.model.relation),
                rows=content,
                options=requested_options(task, settings),
                parents=_makers(task, decisions, inventory, twins),
            )
            decision = _decision(task, current_inputs, inventory)
            reason = "" if decision.reason or decision.stage else reasons.get(task.model.unique_id, "")
            decisions[task.model.unique_id] = (
                replace(decision, reason=reason, note="") if reason else decision
            )
        return decisions

    return _with_companions(decisions_with, warehouse, snapshot)


def _with_companions(
    decisions_with: Callable[[Mapping[str, str]], dict[str, Decision]],
    warehouse: Warehouse,
    snapshot: Snapshot,
) -> dict[str, Decision]:
    """Return the decisions; models that have to agree with one that is made anew are made anew, too.

    An order has the town of its customer, who has the sum of the orders: neither can be made alone.
    """
    decisions, reasons = decisions_with({}), dict[str, str]()
    if len({bool(one.reason) for one in decisions.values()}) < 2:  # noqa: PLR2004 - all, or none of them
        return decisions
    groups = _companions([one.task for one in decisions.values()], warehouse, snapshot)
    while True:
        anew = {name for name, one in decisions.items() if one.reason}
        more = {
            name: f"it has to agree with {decisions[min(group & anew)].task.model.name}"
            for group in groups
            if group & anew
            for name in group - anew - reasons.keys()
        }
        if not more:
            return decisions
        reasons |= more
        decisions = decisions_with(reasons)


def _companions(tasks: Sequence[Task], warehouse: Warehouse, snapshot: Snapshot) -> list[frozenset[str]]:
    """Return the models that facts across tables bind together, each group apart, by `unique_id`."""
    whole_models = [task.model for task in tasks if not task.model.excerpt]
    checked_models = [task.model for task in tasks if not (task.model.excerpt or task.by_guarantee)]
    try:
        facts = [find_across(checked_models, warehouse, snapshot), stated_across(whole_models, warehouse)]
    except SynthError as error:
        log.warning(f"Twins that have to agree are perhaps not made together: {error}")
        return []
    return [group for one in facts for group in one.groups([task.model.unique_id for task in tasks])]


def _makers(
    task: Task, decisions: Mapping[str, Decision], inventory: TwinInventory, twins: Collection[str]
) -> dict[str, str]:
    """Return the commands that made, or will make, the twins that the task's model references."""
    parents = set(task.model.needed_models) & set(twins) - {task.model.unique_id}
    anew = {name for name in parents if name in decisions and decisions[name].reason}
    return {name: inventory.invocation_id if name in anew else inventory.maker(name) for name in parents}


def _decision(task: Task, current_inputs: Mapping[str, str], inventory: TwinInventory) -> Decision:
    name = task.model.unique_id
    twin, stage = inventory.published_twins.get(name), inventory.stage_of(name)
    if inventory.force:
        return Decision(task, current_inputs, "it is forced")
    if stage is not None and of_same_parents(stage.inputs, current_inputs):
        note = f"run {inventory.run_id} has staged it already"
        return Decision(task, current_inputs, note=note, rows=stage.rows, stage=stage)
    if twin is None:
        return Decision(task, current_inputs, "it has no twin")
    if name not in inventory.intact:
        return Decision(task, current_inputs, "its twin is not as it was published")
    if twin.run_id == inventory.run_id and of_same_parents(twin.inputs, current_inputs):
        note = f"run {inventory.run_id} has published it already"
        return Decision(task, current_inputs, note=note, rows=twin.rows)
    reason = difference(twin.inputs, current_inputs)
    note = "" if reason else f"nothing changed since run {twin.run_id}"
    return Decision(task, current_inputs, reason, note, twin.rows)


def of_same_parents(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Return whether two twins hold keys of the same parents' twins."""

    def parents(parts: Mapping[str, str]) -> dict[str, str]:
        return {part: digest for part, digest in parts.items() if part.startswith(PARENT)}

    return parents(old) == parents(new)
