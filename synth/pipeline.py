"""The story of a run on one page: check everything, make every twin, publish by clusters, then say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from synth import log
from synth.backends import Backends
from synth.dbt.state import write_state
from synth.dbt.tests import published_twins
from synth.domain import ModelResult, RunResult, Status
from synth.errors import SynthError
from synth.progress import progress_bar
from synth.runs.artifacts import RunFolder
from synth.runs.changes import TwinInventory, agenda, decide
from synth.runs.costs import beyond_budget, domain_of
from synth.runs.preflight import preflight
from synth.runs.units import asked_for, to_publish
from synth.runs.watch import TwinPlaces, afterwards, refuse_strangers
from synth.sampling.context import RunContext
from synth.stores import open_store
from synth.warehouse import Warehouse
from synth.warehouse.spending import Spending
from synth.warehouse.units import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from synth.domain import Task
    from synth.runs.changes import Agenda
    from synth.runs.invocation import Invocation
    from synth.settings import Settings
    from synth.stores import Store
    from synth.warehouse import Snapshot

INTERRUPTION = "the run was interrupted"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended, and what of its end went wrong, if anything did."""

    result: RunResult
    folder: Path
    failure: str = ""
    is_interrupted: bool = False

    @property
    def results(self) -> tuple[ModelResult, ...]:
        """The outcome of every task."""
        return self.result.results

    @property
    def exit_code(self) -> int:
        """0 when everything asked for was published and stored, else 1."""
        return 1 if self.failure else self.result.exit_code


def run(invocation: Invocation, settings: Settings, run_id: str) -> EndedRun:
    """Make, check, store and publish the twin of every task that is worth it.

    A failed model stops no unrelated one; models that reference each other are published together or not at
    all. An interrupt ends the run early and in order: what is published stays, the rest leaves nothing.

    Raises:
        SynthError: something is missing that every model needs; nothing has been changed.
    """
    start = perf_counter()
    invocation = replace(invocation, invocation_id=invocation.invocation_id or run_id)
    store = open_store(settings.store)
    folder = RunFolder.create(settings.artifact_dir, run_id, again=invocation.is_named_run)
    _ask(folder, invocation)
    results: dict[str, ModelResult] = {}
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        backends = Backends(settings.services)
        inventory = _read_inventory(invocation, settings, run_id, warehouse)
        invocation = preflight(_narrow(invocation, inventory), settings, warehouse, backends)
        _ask(folder, invocation)
        with log.write_log_to(folder.log):
            if invocation.refused_results and not invocation.tasks:
                return _nothing(invocation, folder)
            store.check()
            tools = _Tools(warehouse, backends, store, folder)
            failure = _begin(invocation, settings, inventory, tools, results)
            is_interrupted = failure == INTERRUPTION
            _write_state(invocation, settings, warehouse)
            result = RunResult(run_id, tuple(_of(task, results, failure) for task in invocation.everything))
            seconds = perf_counter() - start
            storage_failure = _finish(folder, None if is_interrupted else store, result, invocation, seconds)
            strange = "" if failure else _look_again(invocation, settings, warehouse)
    return EndedRun(result, folder.path, failure or strange or storage_failure, is_interrupted)


@dataclass(frozen=True, slots=True)
class _Tools:
    """What a run works with."""

    warehouse: Warehouse
    backends: Backends
    store: Store
    folder: RunFolder


def _begin(
    invocation: Invocation,
    settings: Settings,
    inventory: TwinInventory,
    tools: _Tools,
    results: dict[str, ModelResult],
) -> str:
    """Do what there is to do, and say why that ended early, if it did after something was published."""
    warehouse = tools.warehouse
    try:
        claim = warehouse.claim(invocation.invocation_id, settings.staging_schema)
        with claim, warehouse.snapshot() as snapshot, progress_bar() as progress:
            agenda = _agenda(invocation, settings, inventory, warehouse, snapshot)
            context = RunContext(
                inventory.run_id,
                warehouse,
                snapshot,
                tools.store,
                tools.folder,
                settings,
                invocation.twins,
                tools.backends,
                progress,
                invocation.invocation_id,
                invocation.keep,
                agenda.inputs,
                agenda.stages,
            )
            _work(invocation, agenda, context, results)
    except KeyboardInterrupt:
        return INTERRUPTION
    except Exception as error:
        if not any(result.status is Status.PUBLISHED for result in results.values()):
            raise
        reason = str(error) if isinstance(error, SynthError) else f"{log.describe_unexpected(error)}."
        log.error(f"What was published stays, but the run ended early: {reason} Next: synth retry")
        return f"the run ended early: {reason}"
    return ""


def _ask(folder: RunFolder, invocation: Invocation) -> None:
    """Write down what the run is asked for, as soon as that is known: it may be killed at any moment."""
    folder.ask(
        invocation.args, [task.model.unique_id for task in invocation.everything], invocation.invocation_id
    )


def _nothing(invocation: Invocation, folder: RunFolder) -> EndedRun:
    """Return the end of a run of which no model can be begun: the reasons, and nothing else."""
    for index, refusal in enumerate(invocation.refused_results, 1):
        log.outcome(f"{index} of {len(invocation.refused_results)}", refusal, folder.report(refusal.task))
    result = RunResult(folder.run_id, invocation.refused_results)
    failure = _finish(folder, None, result, invocation, 0.0)
    return EndedRun(result, folder.path, failure)


def _narrow(invocation: Invocation, inventory: TwinInventory) -> Invocation:
    """Return what is asked, task by task: to publish without a selection means all that the run made."""
    if not invocation.publish or invocation.is_selection:
        return invocation
    names = asked_for(inventory)
    return replace(
        invocation,
        tasks=tuple(task for task in invocation.tasks if task.model.unique_id in names),
        refused_results=tuple(
            result for result in invocation.refused_results if result.task.model.unique_id in names
        ),
    )


def _read_inventory(
    invocation: Invocation, settings: Settings, run_id: str, warehouse: Warehouse
) -> TwinInventory:
    """Return what there is of twins before the run begins."""
    replaced_twins = (
        {str(task.target) for task in invocation.tasks} if invocation.force or settings.full_refresh else ()
    )
    inspection = refuse_strangers(
        warehouse, TwinPlaces.of(invocation.models, settings), replaced_twins=replaced_twins
    )
    return TwinInventory(
        run_id,
        invocation.invocation_id,
        warehouse.published_twins(settings.schema),
        units=warehouse.units(settings.staging_schema, run_id) if invocation.is_named_run else {},
        intact=frozenset(
            name for name, place in invocation.twins.items() if inspection.twins.get(str(place)) == name
        ),
        force=invocation.force or settings.full_refresh,
    )


def _agenda(
    invocation: Invocation,
    settings: Settings,
    inventory: TwinInventory,
    warehouse: Warehouse,
    snapshot: Snapshot,
) -> Agenda:
    """Return what there is to do; what a named run is to make is on record before it begins."""
    if invocation.publish:
        return to_publish(invocation.tasks, inventory)
    tasks = invocation.context or invocation.tasks
    decisions = decide(
        tasks, settings, inventory, warehouse=warehouse, snapshot=snapshot, twins=invocation.twins
    )
    work = agenda(invocation.tasks, decisions, inventory, keep=invocation.keep)
    costly = _beyond_budget(work, settings, warehouse)
    work = replace(work, block_reasons={**work.block_reasons, **invocation.block_reasons, **costly})
    if invocation.keep:
        names = [result.task.model.unique_id for result in invocation.refused_results]
        warehouse.note(settings.staging_schema, inventory.run_id, names, State.FAILED)
        names = [task.model.unique_id for task in work.todo]
        warehouse.note(settings.staging_schema, inventory.run_id, names, State.ASKED)
        names = [name for name in work.settled_results if not inventory.is_settled(name)]
        warehouse.note(settings.staging_schema, inventory.run_id, names, State.UNCHANGED)
    return work


def _beyond_budget(todo: Agenda, settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """Return why twins by guarantee may not be made; say what the others are about to cost."""
    tasks = [
        task
        for task in todo.todo
        if task.by_guarantee and not task.model.excerpt and task.model.unique_id not in todo.stages_to_publish
    ]
    if not tasks:
        return {}
    costs = warehouse.spending_by_domain(settings.schema)
    reasons = beyond_budget(tasks, costs, settings.options.budget)
    for task in tasks:
        if task.model.unique_id not in reasons and not task.model.reference:
            before = costs.get(domain_of(task.model), Spending())
            limit = "" if settings.options.budget is None else f" of a budget of {settings.options.budget:g}"
            log.info(
                f"{task.model.name} costs epsilon {task.guarantee.epsilon:g} of {domain_of(task.model)}, "
                f"which has cost {before.epsilon:g}{limit} so far"
            )
    return reasons


def _work(invocation: Invocation, todo: Agenda, context: RunContext, results: dict[str, ModelResult]) -> None:
    """Say what cannot be done and what needs no work, and do the rest."""
    every = invocation.everything
    places = {task.model.unique_id: f"{index} of {len(every)}" for index, task in enumerate(every, 1)}
    results |= {result.task.model.unique_id: result for result in invocation.refused_results}
    results |= todo.settled_results
    for name, result in results.items():
        log.outcome(places[name], result, context.folder.report(result.task))
    if todo.todo:
        from synth.twins.making import earlier_outcomes, make_and_publish  # noqa: PLC0415 - learns and judges: a second to load
        from synth.twins.readings import read_and_tell  # noqa: PLC0415 - likewise

        ready = earlier_outcomes(todo)
        context = replace(context, sources=read_and_tell(todo.todo, context, ready=ready))
        make_and_publish(todo.todo, context, results, places=places, ready=ready)


def _look_again(invocation: Invocation, settings: Settings, warehouse: Warehouse) -> str:
    """Return what came into the schema of the twins during the run and must not be there."""
    strange = afterwards(warehouse, TwinPlaces.of(invocation.models, settings))
    if strange:
        log.error(strange)
    return strange


def _write_state(invocation: Invocation, settings: Settings, warehouse: Warehouse) -> None:
    """Let dbt know which twins there are now; the twins themselves need nothing of that."""
    try:
        write_state(settings.artifact_dir / "state", published_twins(invocation.twins, warehouse))
    except (SynthError, OSError) as error:
        log.warning(f"The state for dbt could not be written ({type(error).__name__}). Next: synth test")


def _of(task: Task, results: Mapping[str, ModelResult], failure: str) -> ModelResult:
    return results.get(task.model.unique_id) or ModelResult(task, Status.ERROR, message=failure)


def _finish(
    folder: RunFolder, store: Store | None, result: RunResult, invocation: Invocation, seconds: float
) -> str:
    """Write the results; what went wrong with that, because the twins are published by now and stay."""
    try:
        folder.finish(store, result, invocation.args, seconds, invocation_id=invocation.invocation_id)
    except (SynthError, OSError) as error:
        reason = str(error) if isinstance(error, SynthError) else f"{error.strerror} ({type(error).__name__})"
        failure = f"What was published stays, but the results of the run could not be stored: {reason}"
        log.error(failure)
        return failure
    return ""
