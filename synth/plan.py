"""Models and settings become tasks: every setting decided, parents before the models that reference them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from synth.backends import accept, known_backends
from synth.domain import Options, Policy, Relation, Rows, Task
from synth.errors import ConfigError
from synth.validation import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import ForeignKey, Model
    from synth.settings import Settings

TIMEOUT = 900.0  # seconds that an evaluation may take
DEFAULTS = Options(
    backend="local", rows=Rows(), seed=0, on_inconclusive=Policy.BLOCK, evaluation_timeout=TIMEOUT
)
RESERVED_PREFIX = "_synth_"  # our own tables beside the twins


def plan(models: Sequence[Model], settings: Settings) -> tuple[Task, ...]:
    """One task a model, parents before children, else by `unique_id`.

    Raises:
        ConfigError: an unknown backend, a wish it cannot fulfil, two twins of one name, a target that holds
            real tables, or models that reference each other in a circle.
    """
    _refuse_real_schemas(models, settings)
    _refuse_shared_names(models)
    tasks = tuple(_task(model, settings) for model in _parents_first(models))
    for task in tasks:
        accept(task)
    return tasks


def clusters(tasks: Sequence[Task]) -> tuple[tuple[Task, ...], ...]:
    """Tasks that belong together by foreign keys, so are published together; order is kept throughout."""
    home: dict[str, set[str]] = {task.model.unique_id: {task.model.unique_id} for task in tasks}
    for task in tasks:
        for parent in _parents(replace(task.model, foreign_keys=_bound(task.model)), home):
            ours, theirs = home[task.model.unique_id], home[parent]
            if ours is not theirs:
                ours |= theirs
                home |= dict.fromkeys(theirs, ours)
    groups: dict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        groups[id(home[task.model.unique_id])].append(task)
    return tuple(tuple(group) for group in groups.values())


def _bound(model: Model) -> tuple[ForeignKey, ...]:
    """The references whose keys are made anew; those of tables that are copied are the same in every run."""
    return tuple(key for key in model.foreign_keys if not key.public)


def with_parents(tasks: Iterable[Task], models: Iterable[Model]) -> tuple[Model, ...]:
    """The models of the tasks, and those among `models` that they reference, at whatever distance."""
    known = {model.unique_id: model for model in models}
    found: dict[str, Model] = {}
    waiting = [task.model for task in tasks]
    while waiting:
        model = waiting.pop()
        if model.unique_id not in found:
            found[model.unique_id] = model
            waiting += [known[name] for name in _parents(model, known)]
    return tuple(found.values())


def _task(model: Model, settings: Settings) -> Task:
    options = settings.overrides.over(model.options).over(settings.defaults).over(DEFAULTS)
    known = known_backends()
    if options.backend not in known:
        raise ConfigError(
            f"{model.path} ({model.unique_id}): unknown backend '{options.backend}'; "
            f"{nearest(str(options.backend), known)}"
        )
    return Task(
        model=model,
        target=Relation(settings.connection.database, settings.schema, model.relation.name),
        backend=options.backend,
        rows=options.rows or Rows(),
        seed=options.seed or 0,
        on_inconclusive=options.on_inconclusive or Policy.BLOCK,
        evaluation_timeout=options.evaluation_timeout or TIMEOUT,
        limits=options.limits,
    )


def _refuse_real_schemas(models: Iterable[Model], settings: Settings) -> None:
    """Twins and real tables never share a schema: a twin has the name of the table it would replace."""
    real = {settings.connection.schema: f"target '{settings.connection.target}' of the dbt profile"}
    real |= {model.relation.schema: f"{model.unique_id} ({model.path})" for model in models}
    for schema in (settings.schema, settings.staging_schema):
        if schema in real:
            raise ConfigError(
                f"schema '{schema}' holds real tables, of {real[schema]}; give the twins another one: "
                f"--schema, SYNTH_SCHEMA, or `vars: {{synth: {{schema: …}}}}` in {settings.project.file}."
            )


def _refuse_shared_names(models: Iterable[Model]) -> None:
    owners: dict[str, Model] = {}
    for model in models:
        name = model.relation.name
        if name.startswith(RESERVED_PREFIX):
            raise ConfigError(
                f"{model.path} ({model.unique_id}): names that start with {RESERVED_PREFIX} are kept for "
                "synth's own tables; give the model an `alias`."
            )
        other = owners.setdefault(name, model)
        if other is not model:
            raise ConfigError(
                f"{other.unique_id} ({other.path}) and {model.unique_id} ({model.path}) would have one twin, "
                f"'{name}'; give one an `alias`, or `--exclude` it."
            )


def _parents(model: Model, known: Iterable[str]) -> tuple[str, ...]:
    """The other models among `known` that `model` references."""
    among = set(known) - {model.unique_id}
    return tuple(dict.fromkeys(key.parent for key in model.foreign_keys if key.parent in among))


def _parents_first(models: Sequence[Model]) -> tuple[Model, ...]:
    named = {model.unique_id: model for model in models}
    sorter = TopologicalSorter({name: _parents(model, named) for name, model in named.items()})
    order: list[Model] = []
    try:
        sorter.prepare()
    except CycleError as error:
        raise _circle(list(error.args[1]), named) from None
    while ready := sorted(sorter.get_ready()):
        order.extend(named[name] for name in ready)
        sorter.done(*ready)
    return tuple(order)


def _circle(names: Sequence[str], named: Mapping[str, Model]) -> ConfigError:
    """No order fits: whichever twin came first would reference rows that are not there yet."""
    tests = [
        key.test
        for parent, child in pairwise(names)
        for key in named[child].foreign_keys
        if key.parent == parent
    ]
    return ConfigError(
        f"models reference each other in a circle: {' → '.join(reversed(names))}, by {', '.join(tests)}. "
        "Give one of these tests `severity: warn` or a `where`, or `--exclude` a model."
    )
