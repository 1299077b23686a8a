"""What a run would do with each model and column, as far as that can be known without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth import log
from synth.domain import Role
from synth.errors import ModelError, WarehouseError
from synth.pii import read_label, role_of
from synth.replace import MAKERS
from synth.roles import check_declarations, classify
from synth.source import read_source
from synth.suggest import references
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from synth.domain import Model, Task
    from synth.errors import SynthError
    from synth.roles import Treatment
    from synth.settings import Settings
    from synth.warehouse import Snapshot

SAMPLE = 100_000  # rows of a model that are looked at; beyond, a share of its entities is
ACTIONS = {
    Role.KEY: "new keys that look alike",
    Role.FOREIGN_KEY: "new keys, shared by about as many rows",
    Role.NATURAL_KEY: "new ones that look alike, shared by about as many rows",
    Role.CATEGORY: "learned; labels of fewer than 10 rows become others",
    Role.NUMBER: "learned; what fewer than 10 rows hold is smoothed",
    Role.DATETIME: "learned; what fewer than 10 rows hold is smoothed",
    Role.BOOLEAN: "learned",
    Role.DATE_OF_BIRTH: "the year is learned, the day drawn",
    Role.FREE_TEXT: "NULL",
    Role.DROP: "left out",
    Role.KEEP: "learned; its values may be repeated, however rare",
}


@dataclass(frozen=True, slots=True)
class Entry:
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
class Listed:
    """A task and its columns; `note` says what of them is not known, and why."""

    task: Task
    columns: tuple[Entry, ...]
    note: str = ""


def survey(tasks: Sequence[Task], settings: Settings, twins: Collection[str]) -> tuple[Listed, ...]:
    """What a run would do with each task; what the manifest says, where the warehouse cannot be read.

    Args:
        tasks: what would be run.
        settings: say where the warehouse is.
        twins: every model that has a twin or asks for one, by `unique_id`.

    Raises:
        ConfigError: a declaration does not fit the relation.
    """
    session = Warehouse(settings.connection.conninfo(), role=settings.connection.role)
    try:
        with session as warehouse, warehouse.snapshot() as snapshot:
            return tuple(_read(task, warehouse, snapshot, settings, twins) for task in tasks)
    except WarehouseError as error:
        return tuple(_unread(task, error) for task in tasks)


def as_text(listed: Listed) -> str:
    """Lines to read: the model, and its columns below each other."""
    rows = [(one.name, one.data_type, one.role or "?", one.origin, one.action) for one in listed.columns]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    note = [f"  ({listed.note})"] if listed.note else []
    return "\n".join([log.as_line(listed.task), *(f"  {line}".rstrip() for line in lines), *note])


def as_json(listed: Listed) -> str:
    """One JSON object on one line."""
    columns = [
        {
            "name": one.name,
            "data_type": one.data_type or None,
            "role": one.role or None,
            "origin": one.origin,
            "action": one.action,
        }
        for one in listed.columns
    ]
    described = json.loads(log.as_json(listed.task))
    return json.dumps({**described, "columns": columns, "note": listed.note}, ensure_ascii=False)


def _read(
    task: Task, warehouse: Warehouse, snapshot: Snapshot, settings: Settings, twins: Collection[str]
) -> Listed:
    """The columns by the rows that a run would learn from."""
    model = task.model
    try:
        source = read_source(model, warehouse, snapshot, twins=twins, salt=settings.salt, most=SAMPLE)
    except (ModelError, WarehouseError) as error:
        return _unread(task, error)
    check_declarations(model, source.columns)
    treatments = classify(model, source.columns, source.training)
    sampled = source.real.num_rows < source.rows
    note = f"by {source.real.num_rows:,} of {source.rows:,} rows; a run reads more" if sampled else ""
    return Listed(task, tuple(_entry(one, model, twins) for one in treatments), note)


def _entry(treatment: Treatment, model: Model, twins: Collection[str]) -> Entry:
    column = treatment.column
    if treatment.doubt:
        return Entry(
            column.name, column.data_type, "", treatment.origin, f"stops the run: it {treatment.doubt}"
        )
    return Entry(
        column.name, column.data_type, treatment.role, treatment.origin, _action(treatment, model, twins)
    )


def _action(treatment: Treatment, model: Model, twins: Collection[str]) -> str:
    parent = treatment.parent.parent if treatment.parent else None
    if treatment.column.name in model.seed_columns:
        return "as in the source (seed_columns)"
    if treatment.role is Role.FOREIGN_KEY and parent in {*twins, model.unique_id}:
        return f"keys of the twin of {parent}"
    if treatment.what in MAKERS and treatment.role not in {Role.CATEGORY, Role.DATE_OF_BIRTH}:
        return f"made-up {treatment.what}"
    return ACTIONS.get(treatment.role, "made up")


def _unread(task: Task, error: SynthError) -> Listed:
    return Listed(task, _declared(task.model), f"the roles of other columns depend on their values. {error}")


def _declared(model: Model) -> tuple[Entry, ...]:
    """The columns of which the manifest alone says enough."""
    roles = {name: (role, "declared") for name, role in model.roles.items()}
    for key in model.foreign_keys:
        roles.setdefault(key.column, (Role.FOREIGN_KEY, references(key)))
    for name, labels in model.labels.items():
        named = next(
            ((role_of(what), f"label {label}") for label in labels if (what := read_label(label))), None
        )
        if named:
            roles.setdefault(name, named)
    for names in (model.primary_key, *model.unique):
        if len(names) == 1:
            roles.setdefault(names[0], (Role.KEY, "unique"))
    if model.entity:
        roles.setdefault(model.entity, (Role.FOREIGN_KEY, "entity"))
    return tuple(
        Entry(name, "", role, origin, ACTIONS.get(role, "made up")) for name, (role, origin) in roles.items()
    )
