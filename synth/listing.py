"""What a run would do with each model and column, as far as that can be known without one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from synth import log
from synth.columns.handling import action, action_of
from synth.columns.pii import read_label, role_of
from synth.columns.roles import check_declarations, classify
from synth.columns.suggest import references
from synth.domain import PAID_SOURCE, Role, Scope
from synth.errors import ConfigError, ModelError, WarehouseError
from synth.facts.across import find_across, stated_across, told_by_others
from synth.facts.enforceable import EnforceableFacts, keep_true_facts
from synth.graph.telling import about, explain, model_name
from synth.project.digests import digest
from synth.runs.changes import TwinInventory, decide
from synth.runs.watch import TwinPlaces
from synth.sampling.source import learns_halves, read_source
from synth.twins.uniqueness import read_uniqueness
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Across, Column, Fact, Model, Task
    from synth.errors import SynthError
    from synth.plan import Plan
    from synth.runs.changes import Decision
    from synth.settings import Settings
    from synth.warehouse import Snapshot

SAMPLE = 100_000  # rows of a model that are looked at; beyond, a share of its entities is


@dataclass(frozen=True, slots=True)
class ColumnListing:
    """A column: its type and role, where the role came from, and what will happen to it.

    Attributes:
        role: empty where a run would stop and ask.
        data_type: empty where the warehouse was not reached.
    """

    name: str
    data_type: str
    role: str
    origin: str
    action: str


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A task, whether a run would do it, and its columns; `note` says what is not known of them, and why.

    Attributes:
        rows: of the model; None where they could not be counted.
        sources: of a twin by guarantee, what says which values a column has, else `PAID_SOURCE`.
        across: its columns that rows of other models say, where that was looked for.
    """

    task: Task
    columns: tuple[ColumnListing, ...]
    note: str = ""
    decision: Decision | None = None
    rows: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    across: tuple[Across, ...] = ()

    @property
    def paid_columns(self) -> tuple[str, ...]:
        """Return the columns of a twin by guarantee whose values cost a share of epsilon to find out."""
        return tuple(name for name, source in self.sources.items() if source.endswith(PAID_SOURCE))

    @property
    def domains(self) -> list[str]:
        """Return what is promised of a twin by guarantee, and which of its values are public, in words."""
        if not self.task.by_guarantee or self.task.model.reference or self.task.model.excerpt:
            return []
        public = [
            f"{name} ({source})" for name, source in self.sources.items() if name not in self.paid_columns
        ]
        return [
            f"by guarantee: {self.task.guarantee}",
            *([f"public values: {', '.join(public)}"] if public else []),
            *([f"{PAID_SOURCE}: {', '.join(self.paid_columns)}"] if self.paid_columns else []),
        ]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What tests and constraints say of the model."""
        return self.task.model.facts


def survey(
    work: Plan, settings: Settings, models: Sequence[Model], *, across: bool = False
) -> tuple[ModelListing, ...]:
    """Return what a run would do with each task; what the manifest says, where the warehouse cannot be read.

    Args:
        work: what would be run, and what would be refused.
        settings: say where the warehouse is.
        models: every model that has a twin or asks for one.
        across: whether facts across tables are looked for, which reads the tables again.
    """
    refused_ids = {one.task.model.unique_id for one in work.refused_results}
    refused_listings = [
        ModelListing(one.task, (), f"would be refused: {one.message}") for one in work.refused_results
    ]
    others = [model for model in models if model.unique_id not in refused_ids]
    listings = _survey(work.tasks, settings, others, across=across) if work.tasks else ()
    return (*refused_listings, *listings)


def _survey(
    tasks: Sequence[Task], settings: Settings, models: Sequence[Model], *, across: bool
) -> tuple[ModelListing, ...]:
    session = Warehouse(settings.connection.conninfo(), role=settings.connection.role)
    twins = {model.unique_id for model in models}
    try:
        with session as warehouse, warehouse.snapshot() as snapshot:
            listings = [_read(task, warehouse, snapshot, settings, twins) for task in tasks]
            decisions = _decisions(tasks, settings, warehouse, snapshot, models)
            facts = _facts_across(listings, warehouse, snapshot) if across else ()
            return tuple(
                replace(
                    one,
                    decision=decisions.get(one.task.model.unique_id),
                    across=tuple(fact for fact in facts if fact.model == one.task.model.unique_id),
                )
                for one in listings
            )
    except WarehouseError as error:
        return tuple(_listing_without_rows(task, error) for task in tasks)


def _facts_across(
    listings: Sequence[ModelListing], warehouse: Warehouse, snapshot: Snapshot
) -> tuple[Across, ...]:
    """Return what a run would keep true across tables: by all real rows; for a guarantee by the SQL alone."""
    tasks = [one.task for one in listings if one.columns]
    try:
        by_rows = find_across([task.model for task in tasks if not task.by_guarantee], warehouse, snapshot)
        stated_facts = stated_across([task.model for task in tasks], warehouse)
    except WarehouseError:  # a run will say so
        return ()
    models = [task.model for task in tasks]
    parts = {model.unique_id for model in models if model.excerpt} - told_by_others(
        models, by_rows, stated_facts
    )
    by_rows, stated_facts = by_rows.without(parts), stated_facts.without(parts)
    private_models = {task.model.unique_id for task in tasks if task.by_guarantee}
    return (*by_rows.every, *(fact for fact in stated_facts.every if fact.parties & private_models))


def _decisions(
    tasks: Sequence[Task],
    settings: Settings,
    warehouse: Warehouse,
    snapshot: Snapshot,
    models: Sequence[Model],
) -> Mapping[str, Decision]:
    """Return what a run would make anew; nothing where that cannot be known."""
    tasks = [task for task in tasks if warehouse.describe(task.model.relation)]
    try:
        intact = frozenset(TwinPlaces.of(models, settings).inspect(warehouse).twins.values())
        inventory = TwinInventory("", "", warehouse.published_twins(settings.schema), intact=intact)
        twins = {model.unique_id for model in models}
        return decide(tasks, settings, inventory, warehouse=warehouse, snapshot=snapshot, twins=twins)
    except WarehouseError:  # the columns say what it is about
        return {}


def as_text(listing: ModelListing) -> str:
    """Return lines to read: the model, and its columns below each other."""
    columns = [(one.name, one.data_type, one.role or "?", one.origin, one.action) for one in listing.columns]
    facts = [(one.source, one.effect) for one in listing.facts]
    note = [f"  ({listing.note})"] if listing.note else []
    lines = [*_align(columns), *(["  tests and constraints:"] if facts else []), *_align(facts, "    ")]
    whose = f"  rows are about: {explain(listing.task.model)}"
    part = listing.task.model.excerpt
    same = "the same of those twins" if part and part.query else "the same part of that twin"
    domains = [f"  {part}: {same}, not learned"] if part else []
    domains += [f"  {line}" for line in listing.domains]
    head = [log.as_line(listing.task), *_reason(listing.decision), whose, *domains]
    return "\n".join([*head, *lines, *note])


def _reason(decision: Decision | None) -> list[str]:
    if decision is None:
        return []
    what = f"would be made: {decision.reason}" if decision.reason else f"would be skipped: {decision.note}"
    return [f"  {what}  [fingerprint {digest(decision.inputs)}]"]


def _align(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return [f"{indent}{line}".rstrip() for line in lines]


def as_json(listing: ModelListing) -> str:
    """Return one JSON object on one line."""
    columns = [
        {
            "name": one.name,
            "data_type": one.data_type or None,
            "role": one.role or None,
            "origin": one.origin,
            "action": one.action,
        }
        for one in listing.columns
    ]
    facts = [
        {"source": one.source, "kind": one.kind, "used": one.is_used, "effect": one.effect}
        for one in listing.facts
    ]
    document = json.loads(log.as_json(listing.task))
    decision = listing.decision
    reason = {
        "fingerprint": digest(decision.inputs) if decision else None,
        "reason": (decision.reason or None) if decision else None,
    }
    content = {
        **document,
        **reason,
        "ownership": _ownership(listing.task.model),
        "columns": columns,
        "facts": facts,
        "note": listing.note,
    }
    return json.dumps(content, ensure_ascii=False)


def _ownership(model: Model) -> dict[str, object] | None:
    """Return whom the rows are about, for programs."""
    one = model.ownership
    if one is None:
        return None
    return {
        "about": about(model),
        "root": one.root,
        "column": one.column or None,
        "path": [f"{step.parent}.{step.column}" for step in one.path],
        "evidence": one.evidence,
        "declared": one.is_declared,
        "advice": one.advice or None,
    }


def _read(
    task: Task, warehouse: Warehouse, snapshot: Snapshot, settings: Settings, twins: Collection[str]
) -> ModelListing:
    """Return the columns by the rows that a run would learn from."""
    model = task.model
    try:
        columns = warehouse.describe(model.relation)
        if columns:
            check_declarations(model, columns)
    except ConfigError as error:
        return ModelListing(task, (), f"would be refused: {error}")
    try:
        model, _ = read_uniqueness(model, warehouse)
        if task.by_guarantee and not model.reference:
            return _read_publicly(replace(task, model=model), columns, warehouse, twins)
        source = read_source(
            model,
            warehouse,
            snapshot,
            twins=twins,
            salt=settings.salt,
            halves=learns_halves(task),
            most=SAMPLE,
        )
    except (ModelError, WarehouseError) as error:
        return _listing_without_rows(task, error)
    model, _ = keep_true_facts(model, source.real)
    treatments = classify(model, source.columns, source.training, owners=source.owners, twins=twins)
    is_sample = source.real.num_rows < source.rows
    note = f"by {source.real.num_rows:,} of {source.rows:,} rows; a run reads more" if is_sample else ""
    entries = tuple(_entry(one, model, twins) for one in treatments)
    return ModelListing(replace(task, model=model), entries, note, rows=source.rows)


def _read_publicly(
    task: Task, columns: Sequence[Column], warehouse: Warehouse, twins: Collection[str]
) -> ModelListing:
    """Return the columns of a twin by guarantee, by what is public: no row is looked at.

    Raises:
        ModelError: with some column nothing can be done.
    """
    from synth.twins.publicly import (  # noqa: PLC0415 - for few models, and OpenDP's engine with it
        PublicParents,
        publicly,
    )

    model = task.model
    rules = tuple(rule for rule in model.rules if rule.scope is Scope.ROW)
    enforceable = EnforceableFacts(
        rules, formulas={formula: frozenset() for formula in model.formulas if formula.scope is Scope.ROW}
    )
    enums = warehouse.enums(model.relation)
    public = publicly(
        model,
        columns,
        twins=twins,
        enums=enums,
        enforceable=enforceable,
        parents=PublicParents(lambda _: pa.array([], pa.string())),
    )
    entries = tuple(_entry(one, model, twins) for one in public.treatments)
    return ModelListing(task, entries, sources=dict(public.sources))


def _entry(treatment: Treatment, model: Model, twins: Collection[str]) -> ColumnListing:
    column = treatment.column
    if model.reference:
        return ColumnListing(column.name, column.data_type, *_fate_in_copy(column.name, model))
    if model.excerpt and model.excerpt.query:
        return ColumnListing(
            column.name, column.data_type, treatment.role, treatment.origin, "calculated from those twins"
        )
    if model.excerpt:
        whole = model_name(model.excerpt.parent)
        fate = f"as {whole}.{model.excerpt.columns[column.name]}"
        return ColumnListing(column.name, column.data_type, treatment.role, treatment.origin, fate)
    if treatment.doubt:
        return ColumnListing(
            column.name, column.data_type, "", treatment.origin, f"stops the run: it {treatment.doubt}"
        )
    return ColumnListing(
        column.name, column.data_type, treatment.role, treatment.origin, action(treatment, model, twins)
    )


def _fate_in_copy(name: str, model: Model) -> tuple[Role, str, str]:
    """Return the role of a column of a table about nobody, where that comes from, and what happens to it."""
    if name in model.figures:
        return Role.NUMBER, "reference", "made of other twins, as the SQL says"
    if name in model.new_numbers:
        return Role.KEY, "reference", "other numbers"
    new_keys = [key for key in model.foreign_keys if key.column == name and not key.public]
    if new_keys and new_keys[0].parent != model.unique_id:
        return Role.FOREIGN_KEY, references(new_keys[0]), f"keys of the twin of {new_keys[0].parent}"
    if name in model.roles:
        return model.roles[name], "reference", "made up"
    return Role.KEEP, "reference", "copied as it is"


def _listing_without_rows(task: Task, error: SynthError) -> ModelListing:
    return ModelListing(
        task, _column_listings(task.model), f"the roles of other columns depend on their values. {error}"
    )


def _column_listings(model: Model) -> tuple[ColumnListing, ...]:
    """Return the columns of which the manifest alone says enough."""
    roles = {name: (role, "declared") for name, role in model.roles.items()}
    for key in model.foreign_keys:
        roles.setdefault(key.column, (Role.FOREIGN_KEY, references(key)))
    for name, labels in model.labels.items():
        decision = next(
            ((role_of(what), f"label {label}") for label in labels if (what := read_label(label))), None
        )
        if decision:
            roles.setdefault(name, decision)
    for names in (model.primary_key, *model.unique):
        if len(names) == 1:
            roles.setdefault(names[0], (Role.KEY, "unique"))
    if model.entity:
        roles.setdefault(model.entity, (Role.FOREIGN_KEY, "entity"))
    return tuple(
        ColumnListing(name, "", role, origin, action_of(role)) for name, (role, origin) in roles.items()
    )
