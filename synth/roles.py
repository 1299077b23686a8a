"""What every column is: declared, known to dbt, or read off its type, its name and its values."""

from __future__ import annotations

import re
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
FEW = 50  # different values that a column named as an identifier may have and still be a code of something
MANY = 100  # whole numbers that make a counter
GAPS = 2  # how many times as long as its count a counter may be, because a fifth or more is missing
IDENTIFIERS = frozenset({"id", "key", "uuid", "guid", "pk", "fk", "sk"})  # last words of such names

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
NUMBERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.TEXT})  # what identifiers are made of
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
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY, Role.NATURAL_KEY})


@dataclass(frozen=True, slots=True)
class Treatment:
    """A column, its role, and where the role came from.

    Attributes:
        unique: no two rows of the twin may have the same value.
        parent: what the column references; `to_itself` says that this is its own model.
    """

    column: Column
    role: Role
    origin: str
    unique: bool = False
    parent: ForeignKey | None = None
    to_itself: bool = False


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
                f"{model.path}: {model.name} declares the {what} {name}, but {model.relation} has no such "
                f"column; it has {', '.join(by_name)}."
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
    if column.name in model.roles:
        role, origin = model.roles[column.name], "declared"
    else:
        role, origin = _known(model, column, parent, unique=unique) or _guessed(model, column, values)
    _refuse_impossible(model, column, role)
    to_itself = parent is not None and parent.parent == model.unique_id
    return Treatment(column, role, origin, unique=unique, parent=parent, to_itself=to_itself)


def _refuse_impossible(model: Model, column: Column, role: Role) -> None:
    if role is Role.FREE_TEXT and (column.not_null or column.name in model.not_null):
        raise ModelError(
            f"{model.name}.{column.name} ({column.data_type}) holds text that rows do not share, and it "
            f"may not be NULL. Next: in {model.path} give it config: {{meta: {{synth: {{role: …}}}}}}: "
            f"category if its labels are no secret, an identifier (natural_key, name, email, …) to have it "
            f"replaced, or drop."
        )
    if role in KEYS and column.kind not in KEYABLE:
        raise ModelError(
            f"{model.name}.{column.name} is a key of type {column.data_type}, which cannot be regenerated. "
            f"Next: in {model.path} give it another role, or drop."
        )


def _known(
    model: Model, column: Column, parent: ForeignKey | None, *, unique: bool
) -> tuple[Role, str] | None:
    """What dbt or the type says for certain."""
    if parent is not None:
        return Role.FOREIGN_KEY, parent.test
    if column.data_type in BY_TYPE:
        return BY_TYPE[column.data_type], "type"
    if unique:
        return Role.KEY, "unique"
    if column.name == model.entity:
        return Role.FOREIGN_KEY, "entity"
    return None


def _guessed(model: Model, column: Column, values: pa.ChunkedArray) -> tuple[Role, str]:
    """What name, type and values suggest; in doubt, what reveals less."""
    if column.kind in NUMBERED and is_identifier(column.name):
        codes = pc.count_distinct(values).as_py() <= FEW and is_shared(values)
        return (Role.CATEGORY if codes else Role.NATURAL_KEY), "name"
    if column.kind in NUMBERED and _in_composite_key(model, column) and not is_shared(values):
        return Role.NATURAL_KEY, "composite key"
    if column.kind is Kind.INTEGER and is_running(values):
        return Role.NATURAL_KEY, "running number"
    if column.kind in BY_KIND:
        return BY_KIND[column.kind], "type"
    return (Role.CATEGORY, "shared values") if is_shared(values) else (Role.FREE_TEXT, "unshared values")


def _in_composite_key(model: Model, column: Column) -> bool:
    keys = (model.primary_key, *model.unique)
    return any(len(names) > 1 and column.name in names for names in keys)


def is_identifier(name: str) -> bool:
    """Whether a column called `name` holds identifiers, as `id`, `user_id`, `userId` and `id_user` do."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")
    return words[-1] in IDENTIFIERS or words[0] == "id"


def is_running(values: pa.ChunkedArray) -> bool:
    """Whether whole numbers follow each other without repeating, as those of a counter do."""
    present = len(values) - values.null_count
    ends = pc.min_max(values).as_py()
    if present < MANY or ends["max"] - ends["min"] >= GAPS * present:
        return False
    return bool(pc.count_distinct(values).as_py() == present)


def is_shared(values: pa.ChunkedArray) -> bool:
    """Whether most values that are not NULL are held by at least `RARE` rows."""
    present = len(values) - values.null_count
    if present == 0:
        return True
    counts = values.drop_null().value_counts().field("counts")
    common = pc.sum(counts.filter(pc.greater_equal(counts, RARE))).as_py() or 0
    return bool(common >= SHARED * present)
