"""Models and settings become tasks: every setting decided, parents before the models that reference them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from synth.backends import accept, capabilities_of, known_backends
from synth.domain import ModelResult, Options, Policy, Privacy, Refusal, Relation, Status, Task, merge
from synth.errors import ConfigError
from synth.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import ForeignKey, Model
    from synth.settings import Settings

WITHOUT_EXTRA = {"on_inconclusive": Policy.BLOCK}  # where there is no private engine
INSTALL = "pip install 'dbt-synth[dp]'"
RESERVED_PREFIX = "_synth_"  # our own tables beside the twins


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do: the twins to make, parents before children, and those that cannot be made."""

    tasks: tuple[Task, ...] = ()
    refused_results: tuple[ModelResult, ...] = ()


def plan(models: Sequence[Model], settings: Settings, refusals: Iterable[Refusal] = ()) -> Plan:
    """Return one task per model, parents before children; what cannot be made stops no other.

    Args:
        models: what is to have a twin.
        settings: decide what the models leave open.
        refusals: what is to have one and cannot, as is known already.

    Raises:
        ConfigError: a target that holds real tables, or a backend that nobody knows, for all models.
    """
    _refuse_real_schemas(models, settings)
    _refuse_unknown_backends(settings)
    reasons = {refusal.model.unique_id: refusal.message for refusal in refusals}
    bare = tuple(refusal.model for refusal in refusals)
    tasks = {model.unique_id: _task(model, settings) for model in (*bare, *models)}
    reasons |= _shared_names(models) | _unable(tasks[model.unique_id] for model in models)
    reasons |= {} if settings.private else _why_unprotected(tasks[model.unique_id] for model in models)
    order, circles = _parents_first([model for model in models if model.unique_id not in reasons])
    reasons |= circles
    return Plan(
        tuple(tasks[model.unique_id] for model in order),
        tuple(refused_result(task, reasons[name]) for name, task in sorted(tasks.items()) if name in reasons),
    )


def refused_result(task: Task, message: str) -> ModelResult:
    """Return the outcome of a task of which nothing was begun."""
    return ModelResult(task, Status.ERROR, message=message)


def clusters(tasks: Sequence[Task]) -> tuple[tuple[Task, ...], ...]:
    """Return the tasks in clusters that keys or rows in common connect, published together; order is kept."""
    home: dict[str, set[str]] = {task.model.unique_id: {task.model.unique_id} for task in tasks}
    for task in tasks:
        for parent in _parents(replace(task.model, foreign_keys=_binding_keys(task.model)), home):
            ours, theirs = home[task.model.unique_id], home[parent]
            if ours is not theirs:
                ours |= theirs
                home |= dict.fromkeys(theirs, ours)
    groups: dict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        groups[id(home[task.model.unique_id])].append(task)
    return tuple(tuple(group) for group in groups.values())


def _binding_keys(model: Model) -> tuple[ForeignKey, ...]:
    """Return the references to new keys; those to copied tables are the same in every run."""
    return tuple(key for key in model.foreign_keys if not key.public)


def with_parents(tasks: Iterable[Task], models: Iterable[Model]) -> tuple[Model, ...]:
    """Return the models of the tasks, and those among `models` that they reference, at whatever distance."""
    models_by_id = {model.unique_id: model for model in models}
    added_models: dict[str, Model] = {}
    queue = [task.model for task in tasks]
    while queue:
        model = queue.pop()
        if model.unique_id not in added_models:
            added_models[model.unique_id] = model
            queue += [models_by_id[name] for name in _parents(model, models_by_id)]
    return tuple(added_models.values())


def _task(model: Model, settings: Settings) -> Task:
    usual = {} if settings.private else WITHOUT_EXTRA
    options = Options(**merge(settings.overrides, model.options, settings.defaults, usual))
    target = Relation(settings.connection.database, settings.schema, model.relation.name)
    return Task(model, target, options, by_guarantee=_is_guaranteed(model, options))


def _is_guaranteed(model: Model, options: Options) -> bool:
    """Return whether no check decides about the twin: as stated, or as a model's own `epsilon` asks for."""
    if options.privacy is not None:
        return options.privacy is Privacy.GUARANTEED
    asks = model.backend_options.epsilon is not None and options.backend in known_backends()
    return asks and capabilities_of(options.backend).guarantee


def _why_unprotected(tasks: Iterable[Task]) -> dict[str, str]:
    """Return why tasks cannot have the private engine that they ask for, by `unique_id`."""
    guaranteed_tasks = [task for task in tasks if task.by_guarantee or task.on_inconclusive is Policy.PROTECT]
    return {
        task.model.unique_id: (
            f"{task.model.path} ({task.model.unique_id}): "
            f"{'`privacy: guaranteed`' if task.by_guarantee else '`on_inconclusive: protect`'} needs "
            f"the extra `dp`, which is not installed. Next: {INSTALL}"
        )
        for task in guaranteed_tasks
        if not task.model.declared_reference
    }


def _refuse_unknown_backends(settings: Settings) -> None:
    """Refuse a backend that all models would have: it is no model's fault."""
    backends = known_backends()
    flag = "--backend" if "backend" in settings.flags.options else "SYNTH_BACKEND"
    for layer, place in (
        (settings.overrides, flag),
        (settings.defaults, f"{settings.project.file}: `vars.synth.backend`"),
    ):
        name = layer.get("backend")
        if name is not None and name not in backends:
            raise ConfigError(f"{place}: unknown backend '{name}'; {nearest(name, backends)}")


def _unable(tasks: Iterable[Task]) -> dict[str, str]:
    """Return why the backend of a task cannot do what its model wants, by `unique_id`."""
    backends, reasons = known_backends(), {}
    for task in tasks:
        model = task.model
        if task.backend not in backends:
            hint = nearest(task.backend, backends)
            reasons[model.unique_id] = (
                f"{model.path} ({model.unique_id}): unknown backend '{task.backend}'; {hint}"
            )
            continue
        try:
            accept(task)
        except ConfigError as error:
            reasons[model.unique_id] = str(error)
    return reasons


def _refuse_real_schemas(models: Iterable[Model], settings: Settings) -> None:
    """Refuse a schema that holds real tables: a twin has the name of the table it would replace."""
    real = {settings.connection.schema: f"target '{settings.connection.target}' of the dbt profile"}
    real |= {model.relation.schema: f"{model.unique_id} ({model.path})" for model in models}
    for schema in (settings.schema, settings.staging_schema):
        if schema in real:
            raise ConfigError(
                f"schema '{schema}' holds real tables, of {real[schema]}; give the twins another one: "
                f"--schema, SYNTH_SCHEMA, or `vars: {{synth: {{schema: …}}}}` in {settings.project.file}."
            )


def _shared_names(models: Iterable[Model]) -> dict[str, str]:
    """Return why models cannot have a twin because of its name, by `unique_id`."""
    owners: dict[str, list[Model]] = defaultdict(list)
    for model in models:
        owners[model.relation.name].append(model)
    reasons: dict[str, str] = {}
    for name, sharing in owners.items():
        places = [f"{model.unique_id} ({model.path})" for model in sharing]
        if name.startswith(RESERVED_PREFIX):
            reason = (
                f"{', '.join(places)}: names that start with {RESERVED_PREFIX} are kept for synth's own "
                "tables; give the model an `alias`."
            )
        elif len(sharing) > 1:
            both = " and ".join(places)
            reason = f"{both} would have one twin, '{name}'; give one an `alias`, or `--exclude` it."
        else:
            continue
        reasons |= {model.unique_id: reason for model in sharing}
    return reasons


def _parents(model: Model, names: Iterable[str]) -> tuple[str, ...]:
    """Return the other models among `names` that `model` references, or has rows of."""
    among = set(names) - {model.unique_id}
    return tuple(name for name in model.needed_models if name in among)


def _parents_first(models: Sequence[Model]) -> tuple[tuple[Model, ...], dict[str, str]]:
    """Return the models in order, without those that no order fits, and why none does, by `unique_id`."""
    by_name = {model.unique_id: model for model in models}
    reasons: dict[str, str] = {}
    while True:
        sorter = TopologicalSorter({name: _parents(model, by_name) for name, model in by_name.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            circle = list(error.args[1])
            reasons |= dict.fromkeys(circle, _circle(circle, by_name))
            by_name = {name: model for name, model in by_name.items() if name not in circle}
        else:
            break
    order: list[Model] = []
    while ready := sorted(sorter.get_ready()):
        order.extend(by_name[name] for name in ready)
        sorter.done(*ready)
    return tuple(order), reasons


def _circle(names: Sequence[str], by_name: Mapping[str, Model]) -> str:
    """Return why no order fits: whichever twin came first would reference rows that are not there yet."""
    tests = [
        key.test
        for parent, child in pairwise(names)
        for key in by_name[child].foreign_keys
        if key.parent == parent
    ]
    return (
        f"models reference each other in a circle: {' → '.join(reversed(names))}, by {', '.join(tests)}. "
        "Next: give one of these tests `severity: warn`, or `--exclude` a model."
    )
