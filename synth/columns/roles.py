"""What every column is: declared, known to dbt, or read off its name, its values and its type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from synth.columns.advice import yaml_file
from synth.columns.encoding import rows_type
from synth.columns.pii import IdentifierKind, is_name
from synth.columns.placeholders import has_placeholder
from synth.columns.sharing import HiddenValues, Values
from synth.columns.suggest import FITS, KEYABLE, suggest
from synth.domain import Kind, Role, entity_words
from synth.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from synth.columns.documents import DocumentForm
    from synth.columns.forms import NumberForm
    from synth.columns.patterns import TextPattern
    from synth.columns.ranges import RangeForm
    from synth.columns.textforms import WrittenForm
    from synth.domain import Column, ForeignKey, Model

LEARNED_ROLES = frozenset({Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP})
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY, Role.NATURAL_KEY})
REPLACED_ROLES = frozenset({Role.NAME, Role.EMAIL, Role.PHONE, Role.ADDRESS, Role.IP, Role.URL})
WAYS_OUT = (
    "give it config: {meta: {synth: {role: …}}}: an identifier (natural_key, name, email, …) to have "
    "it replaced, category if its labels are no secret, or drop or free_text to lose it."
)


@dataclass(frozen=True, slots=True)
class Treatment:
    """A column, its role, and where the role came from.

    Attributes:
        unique: no two rows of the twin may have the same value.
        parent: what the column references; `to_itself` says that this is its own model.
        shared: the column of another model that has the same keys, where no model with a twin owns them.
        what: what an identifier is, so that it is replaced by something alike.
        doubt: why nothing can be done with the column, as the end of a sentence about it.
        unsure: why the role is the safe one and perhaps not the right one, in the same words.
        is_required: the column may not be NULL.
        form: how dates, times or numbers are written, what times keys stand for, or what a range is of.
        pattern: what all text of the column matches, says a test or constraint.
    """

    column: Column
    role: Role
    origin: str
    unique: bool = False
    parent: ForeignKey | None = None
    shared: ForeignKey | None = None
    to_itself: bool = False
    what: IdentifierKind | None = None
    doubt: str = ""
    unsure: str = ""
    is_required: bool = False
    form: NumberForm | WrittenForm | RangeForm | DocumentForm | None = None
    pattern: TextPattern | None = None


def check_declarations(model: Model, columns: Sequence[Column]) -> None:
    """Refuse declarations that do not fit the relation, before a row is read.

    Raises:
        ConfigError: a declared column does not exist, or its role does not fit its type.
    """
    by_name = {column.name: column for column in columns}
    options_by_column = {
        **dict.fromkeys(model.roles, "role"),
        **dict.fromkeys(model.primary_key, "primary key"),
    }
    if model.entity:
        options_by_column[model.entity] = "entity"
    if model.history:
        options_by_column |= dict.fromkeys(model.history.key, "unique_key")
    for name, what in options_by_column.items():
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


def assign(
    model: Model,
    columns: Sequence[Column],
    training: pa.Table,
    *,
    owners: pa.ChunkedArray | None = None,
    twins: Collection[str] | None = None,
) -> tuple[Treatment, ...]:
    """Return the treatment of every column, in order.

    Raises:
        ModelError: with some column nothing can be done; the message names all of them, and the ways out.
    """
    treatments = classify(model, columns, training, owners=owners, twins=twins)
    return _without_doubt(model, treatments)


def assign_unseen(
    model: Model, columns: Sequence[Column], *, twins: Collection[str] | None = None
) -> tuple[Treatment, ...]:
    """Return the treatment of every column by what is public: declarations, facts, names and types.

    What is called `name` and nothing else is that of whoever has the mail address or the phone beside it.

    Raises:
        ModelError: as `assign` does.
    """
    nothing = pa.table({column.name: pa.array([], rows_type(column)) for column in columns})
    treatments = classify(model, columns, nothing, twins=twins, looked_at=HiddenValues)
    if any(one.role in {Role.EMAIL, Role.PHONE} for one in treatments):
        treatments = tuple(_with_name(model, one) for one in treatments)
    return _without_doubt(model, tuple(_in_their_own(one) for one in treatments))


def _with_name(model: Model, treatment: Treatment) -> Treatment:
    """Return the treatment of a column beside contacts: a name that nothing says more of is a person's."""
    name = treatment.column.name
    is_open = name not in model.roles and not any(one.column == name for one in model.public)
    is_text = treatment.role is Role.CATEGORY and treatment.column.kind is Kind.TEXT
    if not (is_open and is_text and treatment.parent is None and is_name(name)):
        return treatment
    return replace(treatment, role=Role.NAME, what=IdentifierKind.FULL_NAME, origin="name, beside contacts")


def _in_their_own(treatment: Treatment) -> Treatment:
    """Return the treatment without what was counted in the rows."""
    if treatment.parent is None:
        return treatment
    return replace(treatment, parent=replace(treatment.parent, orphans=0.0))


def _without_doubt(model: Model, treatments: tuple[Treatment, ...]) -> tuple[Treatment, ...]:
    refusals = [
        f"{model.name}.{one.column.name} ({one.column.data_type}) {one.doubt}"
        for one in treatments
        if one.doubt
    ]
    if refusals:
        raise ModelError(f"{'; '.join(refusals)}. Next: in {yaml_file(model)} {WAYS_OUT}")
    return treatments


def classify(
    model: Model,
    columns: Sequence[Column],
    training: pa.Table,
    *,
    owners: pa.ChunkedArray | None = None,
    twins: Collection[str] | None = None,
    looked_at: type[Values] = Values,
) -> tuple[Treatment, ...]:
    """Return the treatment of every column, in order; what `assign` would refuse is a `doubt`.

    Args:
        model: whose columns.
        columns: of its relation.
        training: the rows to learn from.
        owners: whom each row is about, where that is not the row itself.
        twins: every model that has a twin or asks for one, by `unique_id`; None where that is not known.
        looked_at: `HiddenValues` where nobody may look at values, of which `training` then has none.
    """
    names = entity_words(columns=(column.name for column in columns))
    model = replace(model, vocabulary=model.vocabulary | names)
    if owners is None and model.entity in training.column_names:
        owners = training.column(model.entity)
    beside = tuple(column.name for column in columns)
    values = {name: looked_at(training.column(name), owners, beside) for name in beside}
    return tuple(_treat(model, column, values[column.name], twins) for column in columns)


def treatments_to_replace(treatments: Sequence[Treatment]) -> tuple[Treatment, ...]:
    """Return the columns whose real values must not be in the twin: keys, identifiers, free text.

    Foreign keys are values of the parent's twin, and a day of birth is any day of its year.
    """
    return tuple(
        one for one in treatments if one.role in REPLACED_ROLES | {Role.KEY, Role.NATURAL_KEY, Role.FREE_TEXT}
    )


def lead_nowhere(treatments: Sequence[Treatment]) -> bool:
    """Return whether no column holds what leads to people, or refers to a table that is data."""
    leading_roles = REPLACED_ROLES | {Role.DATE_OF_BIRTH, Role.FREE_TEXT}
    return not any(
        one.role in leading_roles or (one.parent is not None and not one.parent.public) for one in treatments
    )


def _treat(model: Model, column: Column, values: Values, twins: Collection[str] | None) -> Treatment:
    unique = (column.name,) in model.unique or model.primary_key == (column.name,)
    parent = next((key for key in model.foreign_keys if key.column == column.name), None)
    orphan = parent is not None and twins is not None and parent.parent not in {*twins, model.unique_id}
    suggestion = suggest(model, column, values, parent, unique=unique, orphan=orphan)
    return Treatment(
        column,
        suggestion.role,
        suggestion.origin,
        unique=unique,
        parent=parent,
        shared=None if unique else next((k for k in model.shared_keys if k.column == column.name), None),
        to_itself=parent is not None and parent.parent == model.unique_id,
        what=suggestion.what,
        doubt=suggestion.doubt or _impossible(model, column, suggestion.role, unique=unique),
        unsure=suggestion.unsure,
        form=suggestion.form,
        is_required=column.not_null or column.name in model.not_null,
    )


def _impossible(model: Model, column: Column, role: Role, *, unique: bool) -> str:
    """Return why the column cannot be treated as its role wants it; nothing if it can."""
    is_required = column.not_null or column.name in model.not_null
    if role is Role.FREE_TEXT and is_required and not has_placeholder(column, unique=unique):
        return "holds values that rows do not share, it may not be NULL, and nothing can stand in for them"
    if role in KEYS and column.kind not in KEYABLE:
        return "is a key of a type that cannot be regenerated"
    return ""
