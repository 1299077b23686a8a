"""What every column is: declared, known to dbt, or read off its type and, for text, how its values are shared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from synth.domain import Kind, Role
from synth.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from synth.domain import Column, ForeignKey, Model

RARE = 10  # a label fewer rows hold is never emitted
SHARED = 0.5  # share of rows that must hold such a common label before text counts as a category

BY_KIND = {
    Kind.BOOLEAN: Role.BOOLEAN,
    Kind.INTEGER: Role.NUMBER,
    Kind.DECIMAL: Role.NUMBER,
    Kind.FLOAT: Role.NUMBER,
    Kind.INTERVAL: Role.NUMBER,
    Kind.TIME: Role.DATETIME,
    Kind.DATE: Role.DATETIME,
    Kind.TIMESTAMP: Role.DATETIME,
    Kind.TIMESTAMPTZ: Role.DATETIME,
    Kind.UUID: Role.NATURAL_KEY,
}
BY_TYPE = {"inet": Role.IP, "cidr": Role.IP}

TEXTUAL = frozenset({Kind.TEXT, Kind.OPAQUE})
NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.INTERVAL, Kind.TIME})
CALENDAR = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
KEYABLE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.UUID, Kind.TEXT}) | CALENDAR

# Which types a declared role can have; a role that is not listed fits every type.
FITS = {
    Role.KEY: KEYABLE,
    Role.FOREIGN_KEY: KEYABLE,
    Role.NATURAL_KEY: KEYABLE,
    Role.NUMBER: NUMERIC,
    Role.DATETIME: CALENDAR | {Kind.TIME},
    Role.BOOLEAN: frozenset({Kind.BOOLEAN}),
    Role.NAME: frozenset({Kind.TEXT}),
    Role.EMAIL: frozenset({Kind.TEXT}),
    Role.PHONE: frozenset({Kind.TEXT}),
    Role.ADDRESS: frozenset({Kind.TEXT}),
    Role.URL: frozenset({Kind.TEXT}),
    Role.IP: TEXTUAL,
    Role.DATE_OF_BIRTH: frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
}

LEARNED = frozenset({Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP})
EMPTIED = frozenset({Role.FREE_TEXT})
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY, Role.NATURAL_KEY})


@dataclass(frozen=True, slots=True)
class Treatment:
    """A column, its role, and where the role came from."""

    column: Column
    role: Role
    origin: str
    unique: bool = False
    parent: ForeignKey | None = None


def check_declarations(model: Model, columns: Sequence[Column]) -> None:
    """Refuse declarations that do not fit the relation, before a row is read.

    Raises:
        ConfigError: a declared column does not exist, or its role does not fit its type.
    """
    by_name = {column.name: column for column in columns}
    named = {**dict.fromkeys(model.roles, "role"), **dict.fromkeys(model.primary_key, "primary key")}
    if model.entity:
        named[model.entity] = "entity"
    for name, what in named.items():
        if name not in by_name:
            raise ConfigError(
                f"{model.path}: {model.name} declares the {what} {name}, but {model.relation} has no such column; "
                f"it has {', '.join(by_name)}."
            )
    for name, role in model.roles.items():
        column = by_name[name]
        if column.kind not in FITS.get(role, {column.kind}):
            raise ConfigError(
                f"{model.path}: {model.name}.{name} is declared as {role}, which does not fit its type "
                f"{column.data_type}. Next: declare another role, for example category or free_text."
            )


def assign(model: Model, columns: Sequence[Column], training: pa.Table) -> tuple[Treatment, ...]:
    """The treatment of every column, in order.

    Raises:
        ModelError: a column can be neither learned nor emptied; the message names the ways out.
    """
    return tuple(_treat(model, column, training.column(column.name)) for column in columns)


def _treat(model: Model, column: Column, values: pa.ChunkedArray) -> Treatment:
    unique = (column.name,) in model.unique or model.primary_key == (column.name,)
    parent = next((key for key in model.foreign_keys if key.column == column.name), None)
    role, origin = _role(model, column, values, unique=unique, parent=parent)
    if role is Role.FREE_TEXT and (column.not_null or column.name in model.not_null):
        raise ModelError(
            f"{model.name}.{column.name} ({column.data_type}) holds text that is not shared between rows, and it "
            f"may not be NULL. Next: in {model.path} give it config: {{meta: {{synth: {{role: …}}}}}}: category if "
            f"its labels are no secret, an identifier (natural_key, name, email, …) to have it replaced, or drop."
        )
    if role in KEYS and column.kind not in KEYABLE:
        raise ModelError(
            f"{model.name}.{column.name} is a key of type {column.data_type}, which cannot be regenerated. "
            f"Next: in {model.path} give it another role, or drop."
        )
    return Treatment(column, role, origin, unique=unique, parent=parent)


def _role(
    model: Model, column: Column, values: pa.ChunkedArray, *, unique: bool, parent: ForeignKey | None
) -> tuple[Role, str]:
    if column.name in model.roles:
        return model.roles[column.name], "declared"
    if parent is not None:
        return Role.FOREIGN_KEY, parent.test
    if unique:
        return Role.KEY, "unique"
    if column.name == model.entity:
        return Role.FOREIGN_KEY, "entity"
    if column.data_type in BY_TYPE:
        return BY_TYPE[column.data_type], "type"
    if column.kind in BY_KIND:
        return BY_KIND[column.kind], "type"
    return (Role.CATEGORY, "shared values") if is_shared(values) else (Role.FREE_TEXT, "unshared values")


def is_shared(values: pa.ChunkedArray) -> bool:
    """Whether most values that are not NULL are held by at least `RARE` rows."""
    present = len(values) - values.null_count
    if present == 0:
        return True
    counts = values.drop_null().value_counts().field("counts")
    common = pc.sum(counts.filter(pc.greater_equal(counts, RARE))).as_py() or 0
    return bool(common >= SHARED * present)
