"""What a column probably is, from the surest source to the least: labels, facts, name and values, type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.columns.documents import DocumentForm, document_form
from synth.columns.forms import NumberForm, form_of
from synth.columns.measures import are_numbering, are_own, is_measure, whole_numbers
from synth.columns.pii import (
    USUAL,
    IdentifierKind,
    is_personal,
    mentions,
    names_firm,
    read_label,
    read_name,
    role_of,
)
from synth.columns.ranges import RangeForm, range_form
from synth.columns.textevidence import text_form
from synth.domain import MOMENTS, RARE, Kind, Role, is_identifier, is_numbering

if TYPE_CHECKING:
    from synth.columns.pii import Detection
    from synth.columns.sharing import Values
    from synth.columns.textforms import TextForm
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
IDENTIFIER_KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.TEXT})  # what identifiers are made of
KEYABLE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.UUID, Kind.TEXT}) | MOMENTS

# Which types a role can have; one that is not listed fits every type.
FITS = {
    Role.KEY: KEYABLE,
    Role.FOREIGN_KEY: KEYABLE,
    Role.NATURAL_KEY: KEYABLE,
    Role.NUMBER: NUMERIC,
    Role.DATETIME: MOMENTS | {Kind.TIME},
    Role.BOOLEAN: frozenset({Kind.BOOLEAN}),
    Role.NAME: frozenset({Kind.TEXT}),
    Role.EMAIL: frozenset({Kind.TEXT}),
    Role.PHONE: IDENTIFIER_KINDS,
    Role.ADDRESS: frozenset({Kind.TEXT}),
    Role.URL: frozenset({Kind.TEXT}),
    Role.IP: TEXTUAL,
    Role.DATE_OF_BIRTH: MOMENTS,
}
# Places are labels where many share them; the others are even then somebody's, unless they are few.
PLACES = frozenset({IdentifierKind.CITY, IdentifierKind.POSTCODE})
CODES = frozenset(
    {
        IdentifierKind.URL,
        IdentifierKind.UUID,
        IdentifierKind.TOKEN,
        IdentifierKind.MAC,
        IdentifierKind.COORDINATES,
        IdentifierKind.NUMBER,
        IdentifierKind.STREET,
        IdentifierKind.LOGIN,
        IdentifierKind.NOTE,
    }
)
MOST_CODES = 500  # different ones of a table that is no seed
UNKNOWN_REASON = "holds values that rows do not share, and nothing says what they are"
DIFFERENT = "holds whole numbers that are all different, as identifiers are"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A role, and where it came from.

    Attributes:
        origin: in a few words, for reports.
        what: what the values are, as far as that is known.
        doubt: why nothing can be done with the column, as the end of a sentence about it.
        unsure: why the role is the safe one and perhaps not the right one, in the same words.
        form: how dates, times or numbers are written, what a range is of, or a document holds.
    """

    role: Role
    origin: str
    what: IdentifierKind | None = None
    doubt: str = ""
    unsure: str = ""
    form: NumberForm | TextForm | RangeForm | DocumentForm | None = None


def suggest(
    model: Model,
    column: Column,
    values: Values,
    parent: ForeignKey | None,
    *,
    unique: bool,
    orphan: bool = False,
) -> Suggestion:
    """Return what the column is; `unique` and `parent` are what dbt's tests and constraints say of it.

    Of an `orphan` the parent has no twin, so that its values may stay as they are if they are codes.
    """
    if column.name in model.roles:
        return _suggest_declared(model.roles[column.name], column, values)
    detection = values.content(column)
    what = detection.what if detection else None
    if column.name in model.unlinked_columns:
        return Suggestion(Role.FREE_TEXT, model.unlinked_columns[column.name])
    late = next((key for key in model.late_keys if key.column == column.name), None)
    if late is not None:
        return Suggestion(Role.KEY if unique else Role.FOREIGN_KEY, references(late), what)
    if parent is not None:
        is_day = column.kind in MOMENTS and not unique
        codes = orphan and what is None and _is_code(model, column, values, parent)
        return _reference(parent, values, what, is_day=is_day, codes=codes)
    if column.data_type in BY_TYPE:
        return Suggestion(BY_TYPE[column.data_type], "type", IdentifierKind.IP)
    return (
        _suggest_by_label(model, column, values, detection, unique=unique)
        or _key(model, column, detection, unique=unique)
        or _suggest_by_list(model, column)
        or _suggest_firms(column, values, detection)
        or _suggest_by_values(model, column, values, detection)
        or _suggest_by_form(column, values)
        or (None if detection else _suggest_by_text_form(model, column, values))
        or _suggest_by_type(model, column, values)
    )


def _reference(
    parent: ForeignKey, values: Values, what: IdentifierKind | None, *, is_day: bool, codes: bool
) -> Suggestion:
    """Return keys of another table; where these are public, days or labels, or codes that many share."""
    if parent.public and is_day:
        return Suggestion(Role.DATETIME, f"public days, {references(parent)}")
    if parent.public and values.rows_share_values:
        return Suggestion(Role.CATEGORY, f"public keys, {references(parent)}")
    if codes:
        return Suggestion(Role.CATEGORY, f"shared values, {references(parent)}")
    return Suggestion(Role.FOREIGN_KEY, references(parent), what)


def _suggest_declared(role: Role, column: Column, values: Values) -> Suggestion:
    """Return the declared role; name and values only say which kind of name, address or number it is."""
    detection = values.content(column)
    for what in (read_name(column.name).what, detection.what if detection and not detection.doubt else None):
        if what is not None and role_of(what) is role:
            return Suggestion(role, "declared", what)
    is_firm = role is Role.NAME and names_firm(column.name)
    return Suggestion(role, "declared", IdentifierKind.FIRM if is_firm else USUAL.get(role))


def _suggest_by_label(
    model: Model, column: Column, values: Values, detection: Detection | None, *, unique: bool
) -> Suggestion | None:
    """Return what classifiers, tags and `meta` say; "personal" alone asks for a kind, or for a key."""
    labels = model.labels.get(column.name, ())
    for label in labels:
        what = read_label(label)
        if what is not None:
            role = role_of(what)
            if column.kind in FITS.get(role, {column.kind}):
                return Suggestion(role, f"label {label}", what)
            return _suggest_misfit(column, values, role, label)
    personal = next(filter(is_personal, labels), None)
    if personal is None or unique or column.kind is Kind.UUID:
        return None
    if _is_named_key(column, model):
        return Suggestion(Role.NATURAL_KEY, f"label {personal}")
    if detection and detection.what:
        return Suggestion(
            _role_that_fits(detection.what, column), f"label {personal}, {detection.evidence}", detection.what
        )
    unclear = f"is labelled {personal}, and neither its name nor its values say what it holds"
    return _safe(column, f"label {personal}", unclear)


def _suggest_misfit(column: Column, values: Values, role: Role, label: str) -> Suggestion:
    """Return a day of birth that is written as text, or what is safe: the label does not fit the type."""
    form = text_form(column, values.rows) if role is Role.DATE_OF_BIRTH else None
    if form is not None and form.is_date:
        return Suggestion(role, f"label {label}", IdentifierKind.BIRTH, form=form)
    misfit = f"is labelled {label}, which does not fit its type {column.data_type}"
    return _safe(column, f"label {label}", misfit)


def _key(model: Model, column: Column, detection: Detection | None, *, unique: bool) -> Suggestion | None:
    """Return a key where tests, constraints or the model say so; e-mail addresses stay e-mail addresses."""
    what = detection.what if detection else None
    if unique and detection and what and role_of(what) in USUAL:
        return Suggestion(_role_that_fits(what, column), f"unique, {detection.evidence}", what)
    if unique:
        return Suggestion(Role.KEY, "unique", what)
    if column.name == model.entity:
        return Suggestion(Role.FOREIGN_KEY, "entity", what)
    if model.history and column.name == model.history.whose:
        return Suggestion(Role.FOREIGN_KEY, "key of the snapshot", what)
    return None


def _suggest_by_list(model: Model, column: Column) -> Suggestion | None:
    """Return labels where a type or a test lists them: no value tells more than the list."""
    if column.is_enum:
        return Suggestion(Role.CATEGORY, "type")
    test = next((one.source for one in model.public if one.column == column.name and one.labels), None)
    return Suggestion(Role.CATEGORY, test) if test and column.kind is Kind.TEXT else None


def _suggest_firms(column: Column, values: Values, detection: Detection | None) -> Suggestion | None:
    """Return names of firms that rows do not share; what is written as something else is that."""
    what = detection.what if detection else None
    is_free = column.kind is Kind.TEXT and what in {None, IdentifierKind.NOTE}
    if is_free and names_firm(column.name) and not values.rows_share_values:
        return Suggestion(Role.NAME, "name and values", IdentifierKind.FIRM)
    return None


def _suggest_by_values(
    model: Model, column: Column, values: Values, detection: Detection | None
) -> Suggestion | None:
    """Return the role that name and values suggest; common codes and places stay labels."""
    if detection is None:
        return None
    what = detection.what
    if what is None:
        return _safe(column, detection.evidence, detection.doubt)
    if detection.doubt:
        return Suggestion(_role_that_fits(what, column), detection.evidence, what, unsure=detection.doubt)
    if (what in PLACES and values.rows_share_values) or (what in CODES and values.few):
        return Suggestion(Role.CATEGORY, "shared values")
    prose = what is IdentifierKind.NOTE and detection.evidence == "values" and values.rows_share_values
    if prose or (what in CODES and _is_named_key(column, model)):
        return None
    return Suggestion(_role_that_fits(what, column), detection.evidence, what)


def _suggest_by_type(model: Model, column: Column, values: Values) -> Suggestion:
    """Return the role that type, name and shared values suggest; in doubt, what reveals less."""
    if _is_named_key(column, model) or _are_whole_keys(column, model, values):
        return Suggestion(Role.CATEGORY if values.few else Role.NATURAL_KEY, "name")
    if column.kind in IDENTIFIER_KINDS and _in_composite_key(model, column) and not values.rows_share_values:
        return Suggestion(Role.NATURAL_KEY, "composite key")
    is_own_text = column.kind is Kind.TEXT and not values.rows_share_values
    if is_numbering(column.name, model.vocabulary) and (is_own_text or are_numbering(column, values)):
        return Suggestion(Role.NATURAL_KEY, "name and values")
    if not is_measure(column.name, model.vocabulary) and are_own(column, values):
        return Suggestion(Role.NATURAL_KEY, "all different", unsure=DIFFERENT)
    if column.kind in BY_KIND:
        return Suggestion(BY_KIND[column.kind], "type")
    return _labels(column, values)


def _suggest_by_form(column: Column, values: Values) -> Suggestion | None:
    """Return dates and times that are written as whole numbers, ranges that rows do not share, documents."""
    span = None if values.rows_share_values else range_form(column, values.rows)
    if span is not None:
        return Suggestion(Role.DATETIME if span.is_date else Role.NUMBER, f"range of {span}", form=span)
    document = document_form(column, values.rows)
    if document is not None and not values.few:
        return Suggestion(Role.CATEGORY, f"documents with {', '.join(document.members)}", form=document)
    form = form_of(column, values.rows)
    if form is None:
        return None
    is_birth_date = form is NumberForm.DAY and read_name(column.name).what is IdentifierKind.BIRTH
    return Suggestion(Role.DATE_OF_BIRTH if is_birth_date else Role.DATETIME, f"written {form}", form=form)


def _suggest_by_text_form(model: Model, column: Column, values: Values) -> Suggestion | None:
    """Return dates, times and numbers that are written as text; in a key, dates alone."""
    if column.kind is not Kind.TEXT or values.rows.null_count == len(values.rows):
        return None
    if values.few or values.hardly_any or column.name in model.balance:
        return None
    form = text_form(column, values.rows, is_common=values.rows_share_values)
    is_key = _in_composite_key(model, column) or _is_named_key(column, model)
    if form is None or (is_key and not form.is_date):
        return None
    if form.is_date and read_name(column.name).what is IdentifierKind.BIRTH:
        return Suggestion(Role.DATE_OF_BIRTH, f"written {form}", form=form)
    return Suggestion(Role.NUMBER if form.is_number else Role.DATETIME, f"written {form}", form=form)


def _labels(column: Column, values: Values) -> Suggestion:
    """Return a category if rows share its values and they name nobody; else NULL or similar text."""
    if values.rows_share_values:
        mention = mentions(values.rows, fewest=RARE)
        if mention is not None:
            return Suggestion(Role.FREE_TEXT, f"mentions {mention}")
        return Suggestion(Role.CATEGORY, "shared values")
    if values.hardly_any:
        return Suggestion(Role.FREE_TEXT, "few values")
    if column.kind is Kind.OPAQUE:
        return Suggestion(Role.FREE_TEXT, "unshared values")
    return Suggestion(Role.NATURAL_KEY, "unshared values", unsure=UNKNOWN_REASON)


def references(parent: ForeignKey) -> str:
    """Return the origin of a foreign key; the third part of a `unique_id` is the name of the model."""
    return f"references {parent.parent.split('.')[2]}"


def _role_that_fits(what: IdentifierKind, column: Column) -> Role:
    """Return the role of `what`; a natural key where the type has no room for the look of it."""
    role = role_of(what)
    return role if column.kind in FITS.get(role, {column.kind}) else Role.NATURAL_KEY


def _doubtful(doubt: str) -> Suggestion:
    return Suggestion(Role.FREE_TEXT, "unknown", doubt=doubt)


def _is_code(model: Model, column: Column, values: Values, parent: ForeignKey) -> bool:
    """Return whether a column that references a table without a twin holds codes that many share.

    What is named as an identifier is one unless its values are few; other texts may be more, and those of a
    seed, which lies beside the models for everybody to read, as many as there are.
    """
    if column.name == model.entity or not values.rows_share_values:
        return False
    if is_identifier(column.name, model.vocabulary) or column.kind is not Kind.TEXT:
        return values.few
    return parent.parent.startswith("seed.") or values.different <= MOST_CODES


def _safe(column: Column, origin: str, unsure: str) -> Suggestion:
    """Return what reveals nothing of a column that should perhaps be something else."""
    if column.kind in {Kind.TEXT, Kind.UUID} or (column.kind is Kind.FLOAT and origin == "name and values"):
        return Suggestion(Role.NATURAL_KEY, origin, unsure=unsure)
    if column.kind is Kind.OPAQUE:
        return Suggestion(Role.FREE_TEXT, origin, unsure=unsure)
    return _doubtful(unsure)


def _are_whole_keys(column: Column, model: Model, values: Values) -> bool:
    """Return whether a floating-point column has a key's name and holds whole numbers only."""
    has_key_name = column.kind is Kind.FLOAT and is_identifier(column.name, model.vocabulary)
    return has_key_name and whole_numbers(column, values.rows) is not None


def _in_composite_key(model: Model, column: Column) -> bool:
    keys = (model.primary_key, *model.unique)
    return any(len(names) > 1 and column.name in names for names in keys)


def _is_named_key(column: Column, model: Model) -> bool:
    return column.kind in IDENTIFIER_KINDS and is_identifier(column.name, model.vocabulary)
