"""Between a relation and a backend: what may be learned goes in, the exact relation comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.beginnings import with_beginnings
from synth.columns.birthdays import birthdays, followers, latest_of
from synth.columns.dealing import deal, move, shuffle
from synth.columns.documents import DocumentForm, as_documents, as_members, member_labels
from synth.columns.encoding import arrow_type, encode, microseconds
from synth.columns.forms import as_learned_form, as_written
from synth.columns.keys import new_keys, share_out
from synth.columns.mails import with_named_mails
from synth.columns.pii import USUAL
from synth.columns.placeholders import placeholders
from synth.columns.ranges import RangeForm, as_bounds, as_ranges
from synth.columns.replace import MAKERS, SINGLE_OWNER_KINDS, replacements
from synth.columns.roles import KEYS, LEARNED_ROLES, REPLACED_ROLES
from synth.columns.serials import with_serial_keys
from synth.columns.stamps import with_telling_codes
from synth.domain import Kind, Role
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column

    Parents = Callable[[Treatment], pa.Array | None]
    Codes = NDArray[np.int64]

Rng = np.random.Generator

# How pandas holds NULL beside values that a float would not hold exactly.
NULLABLE = {pa.bool_(): pd.BooleanDtype(), pa.int64(): pd.Int64Dtype()}
BY_ROW = LEARNED_ROLES | {Role.DATE_OF_BIRTH}  # made of what was drawn in the same row
MOST_LOST = 0.1  # share of the rows of owners that may go because they repeat a key, before any is moved
DENSE = 20  # pairs that are possible for each that is needed, up to which they are dealt out one by one


def learnable(table: pa.Table, treatments: Sequence[Treatment]) -> pd.DataFrame:
    """Return the columns of `table` that a backend may see, as pandas.

    Keys and identifiers are left out; where they can be NULL, a boolean column says whether they are there.
    """
    series: dict[str, pd.Series[Any]] = {}
    for treatment in treatments:
        name, values = treatment.column.name, _as_rows(table, treatment.column)
        if isinstance(treatment.form, RangeForm):
            series |= as_bounds(values, treatment.form, name)
        elif isinstance(treatment.form, DocumentForm):
            series |= as_members(values, treatment.form, name)
        elif treatment.form is not None:
            form_values = as_learned_form(values, treatment.form)
            series[name] = form_values.dt.year if treatment.role is Role.DATE_OF_BIRTH else form_values
        elif treatment.role in LEARNED_ROLES:
            series[name] = as_plain(values)
        elif treatment.role is Role.DATE_OF_BIRTH:
            series[name] = as_plain(pc.year(values))
        elif treatment.role not in {Role.FREE_TEXT, Role.DROP} and 0 < values.null_count < len(values):
            series[name] = as_plain(values.is_valid())
    return pd.DataFrame(series, index=pd.RangeIndex(table.num_rows))


def _as_rows(table: pa.Table, column: Column) -> pa.ChunkedArray:
    """Return a column of real rows, or of a twin, with intervals as numbers, as real rows have them."""
    values = table.column(column.name)
    is_written = column.kind is Kind.INTERVAL and pa.types.is_string(values.type)
    return microseconds(values) if is_written else values


def labels(treatments: Sequence[Treatment]) -> frozenset[str]:
    """Return the learned columns whose values are labels, whatever their type."""
    documents = (member_labels(t.form, t.column.name) for t in treatments if isinstance(t.form, DocumentForm))
    plain = (t.column.name for t in treatments if t.role in {Role.CATEGORY, Role.KEEP})
    return frozenset(plain).union(*documents)


def public(treatments: Sequence[Treatment]) -> frozenset[str]:
    """Return the columns whose values are declared to be public reference data."""
    return frozenset(t.column.name for t in treatments if t.role is Role.KEEP)


def as_plain(values: pa.ChunkedArray) -> pd.Series[Any]:
    """Return numbers and dates in numpy's dtypes where there is no NULL, text always as objects.

    Times of the day become microseconds, as rows from the warehouse have them.
    """
    if pa.types.is_time64(values.type):
        values = values.cast(pa.int64())
    kind = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us"))
    if pa.types.is_string(kind):
        return pd.Series(values.to_numpy(zero_copy_only=False), dtype=object)
    nullable = NULLABLE.get(kind) if values.null_count else None
    series: pd.Series[Any] = values.to_pandas(types_mapper=(lambda _: nullable) if nullable else None)
    return series


def assemble(
    synthetic: pd.DataFrame,
    treatments: Sequence[Treatment],
    *,
    real: pa.Table,
    parents: Parents,
    rng: Rng,
    existing: pa.Table | None = None,
    shared_codes: Mapping[str, Codes] | None = None,
) -> pa.Table:
    """Return the twin: the columns of the relation in order, with types that Postgres reads without loss.

    Args:
        synthetic: what the backend made of the `learnable` training rows, as many rows as the twin has.
        treatments: of every column.
        real: all extracted rows, in an order that the source's does not change.
        parents: the keys of a foreign key's parent twin, or None where there is no such twin.
        rng: the source of chance for keys and replacements.
        existing: all rows of the columns that are not learned, where `real` is a share of the source, so
            that no new key is a real one.
        shared_codes: columns of which rows that have one number here, from 0 on, get one value.

    Raises:
        ModelError: there is no room for new keys or replacements, or a parent's keys are of another type.
    """
    columns: dict[str, pa.Array] = {}
    rows, shared_codes, every = len(synthetic), shared_codes or {}, real if existing is None else existing

    def pool(treatment: Treatment) -> pa.Array | None:
        key = treatment.parent
        return columns.get(key.parent_column) if key and treatment.to_itself else parents(treatment)

    for treatment in sorted(treatments, key=lambda one: one.to_itself):  # they need the new keys
        name = treatment.column.name
        if treatment.role is Role.DROP:
            continue
        if treatment.role in BY_ROW:
            columns[name] = by_row(treatment, synthetic, rng, followers(treatment, treatments, real))
        else:
            present = _present(synthetic, treatment, real.column(name), rows)
            places = shared_codes.get(name, np.cumsum(present) - 1)
            number, others = int(places.max(initial=-1)) + 1, every.column(name)
            values = _replace_column(treatment, real.column(name), number, pool, rng, existing=others)
            columns[name] = of_type(values.take(pa.array(places, mask=~present)), treatment.column)
    for step in (with_serial_keys, with_beginnings, with_telling_codes):
        columns = step(columns, treatments, real, every, rng)
    alone = [one for one in treatments if one.column.name not in shared_codes]
    columns = with_named_mails(columns, alone, real, every)
    order = [one.column.name for one in treatments if one.column.name in columns]
    return pa.table({name: columns[name] for name in order})


def columns_by_row(treatments: Sequence[Treatment]) -> frozenset[str]:
    """Return the columns that are made row by row, before columns that need all rows."""
    return frozenset(treatment.column.name for treatment in treatments if treatment.role in BY_ROW)


def rehearse(
    synthetic: pd.DataFrame,
    treatments: Sequence[Treatment],
    names: Collection[str],
    *,
    real: pa.Table,
    rng: Rng,
) -> pa.Table:
    """Return some columns of rows that may become a twin, for rules to be tried on.

    The `columns_by_row` are as the twin will have them. Real keys and identifiers stand in for those that
    are made once it is known which rows remain; such a table is judged, and never kept.
    """
    columns: dict[str, pa.Array] = {}
    for treatment in treatments:
        name = treatment.column.name
        if name not in names or treatment.role is Role.DROP:
            continue
        if treatment.role in BY_ROW:
            columns[name] = by_row(treatment, synthetic, rng, followers(treatment, treatments, real))
        else:
            present = _present(synthetic, treatment, real.column(name), len(synthetic))
            values = real.column(name).drop_null().combine_chunks()
            positions = rng.integers(0, max(len(values), 1), len(synthetic))
            columns[name] = values.take(pa.array(positions, mask=~present))
    return pa.table(columns)


def _present(
    synthetic: pd.DataFrame, treatment: Treatment, real: pa.ChunkedArray, rows: int
) -> NDArray[np.bool_]:
    """Return in which rows of the twin a column that was not learned is not NULL."""
    if treatment.role is Role.FREE_TEXT:
        return np.full(rows, treatment.is_required)
    if treatment.column.name in synthetic:
        return synthetic[treatment.column.name].to_numpy(bool)
    # All of the training rows have a value, or none has.
    return np.full(rows, 2 * real.null_count < len(real))


def _replace_column(
    treatment: Treatment,
    real: pa.ChunkedArray,
    rows: int,
    parents: Parents,
    rng: Rng,
    *,
    existing: pa.ChunkedArray,
) -> pa.Array:
    column, role, pattern = treatment.column, treatment.role, treatment.pattern
    what = treatment.what or USUAL.get(role)

    def make(number: int, *, unique: bool = True) -> pa.Array:
        if what in MAKERS:
            return replacements(
                what, column, number, rng, real=real, existing=existing, unique=unique, pattern=pattern
            )
        alike = role is Role.NATURAL_KEY
        return new_keys(real, column, number, rng, existing=existing, alike=alike, pattern=pattern)

    if role is Role.KEY:
        return make(rows)
    if role in {Role.FOREIGN_KEY, Role.NATURAL_KEY} or what in SINGLE_OWNER_KINDS:
        pool = parents(treatment)
        keys = share_out(real, column, rows, rng, parents=pool, unique=treatment.unique, make=make)
        orphans = treatment.parent.orphans if treatment.parent and pool is not None else 0.0
        return keys if not orphans else _with_orphans(keys, orphans, treatment, pool, real, existing, rng)
    if role in REPLACED_ROLES:
        return make(rows, unique=treatment.unique)
    if role is Role.FREE_TEXT and rows:
        return placeholders(
            column, rows, rng, real=real, existing=existing, unique=treatment.unique, pattern=pattern
        )
    return pa.nulls(rows, real.type)


def _with_orphans(
    keys: pa.Array,
    share: float,
    treatment: Treatment,
    pool: pa.Array,
    real: pa.ChunkedArray,
    existing: pa.ChunkedArray,
    rng: Rng,
) -> pa.Array:
    """Return the keys, a share of which no row of the parent's twin has, as in the source."""
    places = rng.choice(len(keys), round(share * len(keys)), replace=False)
    mask = np.zeros(len(keys), bool)
    mask[places] = True
    values_to_avoid = pa.chunked_array([*existing.chunks, pool.cast(existing.type)], existing.type)
    fresh = new_keys(real, treatment.column, len(places), rng, existing=values_to_avoid)
    return pc.replace_with_mask(keys, pa.array(mask), fresh.cast(keys.type))


def others_for(treatment: Treatment, values: pa.ChunkedArray, rng: Rng) -> pa.ChunkedArray:
    """Return made-up values in place of real ones, the same for the same; NULLs stay, prose goes."""
    if treatment.role is Role.FREE_TEXT and not treatment.is_required:
        return pa.chunked_array([pa.nulls(len(values), values.type)])
    codes = values.combine_chunks().dictionary_encode()
    number = len(codes.dictionary)
    alone = replace(treatment, unique=True)
    others = _replace_column(alone, values, number, lambda _: None, rng, existing=values)
    return pa.chunked_array([of_type(others, treatment.column).take(codes.indices)])


def made_up(treatments: Sequence[Treatment]) -> list[Column]:
    """Return the columns of new keys and replacements, which must avoid all real values; see `assemble`."""
    return [one.column for one in treatments if one.role in REPLACED_ROLES | KEYS]


def of_type(values: pa.Array, column: Column) -> pa.Array:
    """Return values that were made for a column in its type.

    Raises:
        ModelError: it cannot hold the keys of its parent's twin.
    """
    kind = arrow_type(column)
    if pa.types.is_decimal(kind):
        values = values.cast(pa.string())  # from integers Arrow asks for more digits than they have
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ModelError(
            f"{column.name} ({column.data_type}) cannot hold the keys of its parent's twin. "
            f"Next: give both columns one type."
        ) from None


def by_row(treatment: Treatment, synthetic: pd.DataFrame, rng: Rng, later: Sequence[str] = ()) -> pa.Array:
    """Return a column that is made of what was drawn in the same row.

    A day of birth is not after any of the dates in the columns `later`.
    """
    form, name = treatment.form, treatment.column.name
    if isinstance(form, RangeForm):
        return encode(as_ranges(synthetic, form, name, not_null=treatment.is_required), treatment.column)
    if isinstance(form, DocumentForm):
        return encode(as_documents(synthetic, form, name), treatment.column)
    synthetic_values = synthetic[name]
    if treatment.role is Role.DATE_OF_BIRTH:
        synthetic_values = birthdays(synthetic_values, rng, latest_of(synthetic, later))
    if form is not None:
        synthetic_values = as_written(synthetic_values, form)
    return encode(synthetic_values, treatment.column)


def without_duplicates(
    twin: pa.Table,
    unique: Sequence[tuple[str, ...]],
    movable: Mapping[str, bool],
    rng: Rng,
    *,
    together: Collection[str] = (),
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return the twin without rows that repeat a key, and which of its rows remain.

    Foreign keys of composite keys change places first, which keeps the numbers of children. What still
    repeats is dropped.
    Rows with one value of the columns `together` stay together: another key of theirs changes places. Where
    there is none, a few rows that repeat are dropped, and of many these alone are moved.
    """
    is_left = np.ones(twin.num_rows, bool)
    keys = [names for names in unique if names and set(names) <= set(twin.column_names)]
    for names in [names for names in keys if len(names) > 1]:
        movers = sorted(filter(movable.get, names), key=lambda name: name in together)
        share = _is_repeat(twin, names).mean() if movers and twin.num_rows else 0.0
        if share > (MOST_LOST if movers and movers[0] in together else 0.0):
            others = [name for name in names if name != movers[0]]
            twin = _moved_apart(twin, movers[0], others, rng, few=movers[0] in together)
    for names in keys:
        is_left[is_left] = ~_is_repeat(twin.filter(pa.array(is_left)), names)
    return twin.filter(pa.array(is_left)), is_left


def _is_repeat(twin: pa.Table, names: Sequence[str]) -> NDArray[np.bool_]:
    is_repeat: NDArray[np.bool_] = twin.select(list(names)).to_pandas().duplicated().to_numpy()
    if len(names) == 1:  # NULL repeats nothing
        is_repeat = is_repeat & twin.column(names[0]).is_valid().to_numpy()
    return is_repeat


def _moved_apart(twin: pa.Table, mover: str, others: Sequence[str], rng: Rng, *, few: bool) -> pa.Table:
    """Return the twin with the values of `mover` moved, so that few repeat beside the same `others`.

    Where `few` are to move, these alone do.
    """
    owners = twin.column(mover).combine_chunks().dictionary_encode(null_encoding="encode")
    codes = owners.indices.to_numpy()
    groups = twin.select(list(others)).to_pandas().groupby(list(others), dropna=False, sort=False).ngroup()
    dense = groups.nunique() * len(owners.dictionary) <= DENSE * len(codes)
    apart = move if few else deal if dense else shuffle
    places = pa.array(apart(codes, groups.to_numpy(), rng))
    position = twin.column_names.index(mover)
    return twin.set_column(position, mover, owners.dictionary.take(places))
