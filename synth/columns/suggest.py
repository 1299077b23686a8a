"""What a column probably is, from the surest source to the least: labels, facts, name and values, type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.columns.forms import Form, form_of
from synth.columns.measures import are_numbering, are_own, is_measure, whole_numbers
from synth.columns.pii import USUAL, What, is_personal, mentions, read_label, read_name, role_of
from synth.domain import RARE, Kind, Role, is_identifier, is_numbering

if TYPE_CHECKING:
    from synth.columns.pii import Found
    from synth.columns.sharing import Values
    from synth.domain import Column, ForeignKey, Model

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
KEYABLE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.UUID, Kind.TEXT}) | CALENDAR

# Which types a role can have; one that is not listed fits every type.
FITS = {
    Role.KEY: KEYABLE,
    Role.FOREIGN_KEY: KEYABLE,
    Role.NATURAL_KEY: KEYABLE,
    Role.NUMBER: NUMERIC,
    Role.DATETIME: CALENDAR | {Kind.TIME},
    Role.BOOLEAN: frozenset({Kind.BOOLEAN}),
    Role.NAME: frozenset({Kind.TEXT}),
    Role.EMAIL: frozenset({Kind.TEXT}),
    Role.PHONE: NUMBERED,
    Role.ADDRESS: frozenset({Kind.TEXT}),
    Role.URL: frozenset({Kind.TEXT}),
    Role.IP: TEXTUAL,
    Role.DATE_OF_BIRTH: CALENDAR,
}
# Places are labels where many share them; the others are even then somebody's, unless they are few.
PLACES = frozenset({What.CITY, What.POSTCODE})
CODES = frozenset(
    {
        What.URL,
        What.UUID,
        What.TOKEN,
        What.MAC,
        What.COORDINATES,
        What.NUMBER,
        What.STREET,
        What.LOGIN,
        What.NOTE,
    }
)
MOST_CODES = 500  # different ones of a table that is no seed
UNKNOWN = "holds values that rows do not share, and nothing says what they are"
DIFFERENT = "holds whole numbers that are all different, as identifiers are"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A role, and where it came from.

    Attributes:
        origin: in a few words, for reports.
        what: what the values are, as far as that is known.
        doubt: why nothing can be done with the column, as the end of a sentence about it.
        unsure: why the role is the safe one and perhaps not the right one, in the same words.
        form: how dates or times are written as whole numbers.
    """

    role: Role
    origin: str
    what: What | None = None
    doubt: str = ""
    unsure: str = ""
    form: Form | None = None


def suggest(
    model: Model,
    column: Column,
    values: Values,
    parent: ForeignKey | None,
    *,
    unique: bool,
    orphan: bool = False,
) -> Suggestion:
    """What the column is; `unique` and `parent` are what dbt's tests and constraints say of it.

    Of an `orphan` the parent has no twin, so that its values may stay as they are if they are codes.
    """
    if column.name in model.roles:
        return _declared(model.roles[column.name], column, values)
    found = values.content(column)
    what = found.what if found else None
    if column.name in model.unlinked:
        return Suggestion(Role.FREE_TEXT, model.unlinked[column.name])
    if parent is not None:
        codes = orphan and what is None and _is_code(model, column, values, parent)
        return _referencing(parent, values, what, codes=codes)
    if column.data_type in BY_TYPE:
        return Suggestion(BY_TYPE[column.data_type], "type", What.IP)
    return (
        _labelled(model, column, found, unique=unique)
        or _key(model, column, found, unique=unique)
        or _detected(model, column, values, found)
        or _written(column, values)
        or _typed(model, column, values)
    )


def _referencing(parent: ForeignKey, values: Values, what: What | None, *, codes: bool) -> Suggestion:
    """Keys of another table; labels where these are public, or codes that many share."""
    if parent.public and values.shared:
        return Suggestion(Role.CATEGORY, f"public keys, {references(parent)}")
    if codes:
        return Suggestion(Role.CATEGORY, f"shared values, {references(parent)}")
    return Suggestion(Role.FOREIGN_KEY, references(parent), what)


def _declared(role: Role, column: Column, values: Values) -> Suggestion:
    """As declared; name and values only say more exactly of what kind a name, an address or a number is."""
    found = values.content(column)
    for what in (read_name(column.name).what, found.what if found and not found.doubt else None):
        if what is not None and role_of(what) is role:
            return Suggestion(role, "declared", what)
    return Suggestion(role, "declared", USUAL.get(role))


def _labelled(model: Model, column: Column, found: Found | None, *, unique: bool) -> Suggestion | None:
    """What classifiers, tags and `meta` say; "personal" alone asks for a kind, or for a key."""
    labels = model.labels.get(column.name, ())
    for label in labels:
        what = read_label(label)
        if what is not None:
            role = role_of(what)
            if column.kind in FITS.get(role, {column.kind}):
                return Suggestion(role, f"label {label}", what)
            misfit = f"is labelled {label}, which does not fit its type {column.data_type}"
            return _safe(column, f"label {label}", misfit)
    personal = next(filter(is_personal, labels), None)
    if personal is None or unique or column.kind is Kind.UUID:
        return None
    if _is_named_key(column, model):
        return Suggestion(Role.NATURAL_KEY, f"label {personal}")
    if found and found.what:
        return Suggestion(_fitting(found.what, column), f"label {personal}, {found.seen}", found.what)
    unclear = f"is labelled {personal}, and neither its name nor its values say what it holds"
    return _safe(column, f"label {personal}", unclear)


def _key(model: Model, column: Column, found: Found | None, *, unique: bool) -> Suggestion | None:
    """What tests and constraints call unique, or the model its entity or key; e-mail addresses stay such."""
    what = found.what if found else None
    if unique and found and what and role_of(what) in USUAL:
        return Suggestion(_fitting(what, column), f"unique, {found.seen}", what)
    if unique:
        return Suggestion(Role.KEY, "unique", what)
    if column.name == model.entity:
        return Suggestion(Role.FOREIGN_KEY, "entity", what)
    if model.history and column.name == model.history.whose:
        return Suggestion(Role.FOREIGN_KEY, "key of the snapshot", what)
    return None


def _detected(model: Model, column: Column, values: Values, found: Found | None) -> Suggestion | None:
    """What name and values say together; codes and places that many rows share are left to be labels."""
    if found is None:
        return None
    what = found.what
    if what is None:
        return _safe(column, found.seen, found.doubt)
    if found.doubt:
        return Suggestion(_fitting(what, column), found.seen, what, unsure=found.doubt)
    if (what in PLACES and values.shared) or (what in CODES and values.few):
        return Suggestion(Role.CATEGORY, "shared values")
    prose = what is What.NOTE and found.seen == "values" and values.shared
    if prose or (what in CODES and _is_named_key(column, model)):
        return None
    return Suggestion(_fitting(what, column), found.seen, what)


def _typed(model: Model, column: Column, values: Values) -> Suggestion:
    """What type, the form of the name and how values are shared suggest; in doubt, what reveals less."""
    if _is_named_key(column, model) or _are_whole_keys(column, model, values):
        return Suggestion(Role.CATEGORY if values.few else Role.NATURAL_KEY, "name")
    if column.kind in NUMBERED and _in_composite_key(model, column) and not values.shared:
        return Suggestion(Role.NATURAL_KEY, "composite key")
    if is_numbering(column.name, model.vocabulary) and are_numbering(column, values):
        return Suggestion(Role.NATURAL_KEY, "name and values")
    if not is_measure(column.name, model.vocabulary) and are_own(column, values):
        return Suggestion(Role.NATURAL_KEY, "all different", unsure=DIFFERENT)
    if column.kind in BY_KIND:
        return Suggestion(BY_KIND[column.kind], "type")
    return _labels(column, values)


def _written(column: Column, values: Values) -> Suggestion | None:
    """Dates and times that are written as whole numbers."""
    form = form_of(column, values.rows)
    if form is None:
        return None
    born = form is Form.DAY and read_name(column.name).what is What.BIRTH
    return Suggestion(Role.DATE_OF_BIRTH if born else Role.DATETIME, f"written {form}", form=form)


def _labels(column: Column, values: Values) -> Suggestion:
    """A category if rows share its values and they name nobody; else NULL, and of text something alike."""
    if values.shared:
        mentioned = mentions(values.rows, fewest=RARE)
        if mentioned is not None:
            return Suggestion(Role.FREE_TEXT, f"mentions {mentioned}")
        return Suggestion(Role.CATEGORY, "shared values")
    if values.hardly_any:
        return Suggestion(Role.FREE_TEXT, "few values")
    if column.kind is Kind.OPAQUE:
        return Suggestion(Role.FREE_TEXT, "unshared values")
    return Suggestion(Role.NATURAL_KEY, "unshared values", unsure=UNKNOWN)


def references(parent: ForeignKey) -> str:
    """The origin of a foreign key; the third part of a `unique_id` is the name of the model."""
    return f"references {parent.parent.split('.')[2]}"


def _fitting(what: What, column: Column) -> Role:
    """The role of `what`; a natural key where the type has no room for the look of it."""
    role = role_of(what)
    return role if column.kind in FITS.get(role, {column.kind}) else Role.NATURAL_KEY


def _doubtful(doubt: str) -> Suggestion:
    return Suggestion(Role.FREE_TEXT, "unknown", doubt=doubt)


def _is_code(model: Model, column: Column, values: Values, parent: ForeignKey) -> bool:
    """Whether a column that references a table without a twin holds codes that many share.

    What is named as an identifier is one unless its values are few; other texts may be more, and those of a
    seed, which lies beside the models for everybody to read, as many as there are.
    """
    if column.name == model.entity or not values.shared:
        return False
    if is_identifier(column.name, model.vocabulary) or column.kind is not Kind.TEXT:
        return values.few
    return parent.parent.startswith("seed.") or values.different <= MOST_CODES


def _safe(column: Column, origin: str, unsure: str) -> Suggestion:
    """What reveals nothing of a column that should perhaps be something else."""
    if column.kind in {Kind.TEXT, Kind.UUID} or (column.kind is Kind.FLOAT and origin == "name and values"):
        return Suggestion(Role.NATURAL_KEY, origin, unsure=unsure)
    if column.kind is Kind.OPAQUE:
        return Suggestion(Role.FREE_TEXT, origin, unsure=unsure)
    return _doubtful(unsure)


def _are_whole_keys(column: Column, model: Model, values: Values) -> bool:
    """Whether a column of floating-point numbers is named as identifiers, and all of them are whole."""
    named = column.kind is Kind.FLOAT and is_identifier(column.name, model.vocabulary)
    return named and whole_numbers(column, values.rows) is not None


def _in_composite_key(model: Model, column: Column) -> bool:
    keys = (model.primary_key, *model.unique)
    return any(len(names) > 1 and column.name in names for names in keys)


def _is_named_key(column: Column, model: Model) -> bool:
    return column.kind in NUMBERED and is_identifier(column.name, model.vocabulary)
