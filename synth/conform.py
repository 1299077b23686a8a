"""Between a relation and a backend: what may be learned goes in, the exact relation comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Kind, Role
from synth.keys import new_keys, share_out
from synth.replace import MAKERS, replacements
from synth.roles import LEARNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.domain import Column
    from synth.roles import Treatment

    Parents = Callable[[Treatment], pa.Array | None]

Rng = np.random.Generator

DAY = 86_400_000_000  # microseconds
FIRST, LAST = pd.Timestamp("0001-01-01"), pd.Timestamp("9999-12-31 23:59:59.999999")
WIDEST = 38  # digits that a decimal128 holds
ROUNDS = 20  # attempts to shuffle duplicates of a composite key apart


def learnable(table: pa.Table, treatments: Sequence[Treatment]) -> pd.DataFrame:
    """The columns of `table` that a backend may see, as pandas.

    Keys and identifiers are left out; where they can be NULL, a boolean column says whether they are there.
    """
    series: dict[str, pd.Series] = {}
    for treatment in treatments:
        name, values = treatment.column.name, table.column(treatment.column.name)
        if treatment.role in LEARNED:
            series[name] = _learned(values, treatment.column)
        elif treatment.role is Role.DATE_OF_BIRTH:
            series[name] = _to_pandas(pc.year(values))
        elif treatment.role not in {Role.FREE_TEXT, Role.DROP} and 0 < values.null_count < len(values):
            series[name] = _to_pandas(values.is_valid())
    return pd.DataFrame(series, index=pd.RangeIndex(table.num_rows))


def labels(treatments: Sequence[Treatment]) -> frozenset[str]:
    """The columns whose values are labels, whatever their type."""
    return frozenset(t.column.name for t in treatments if t.role in {Role.CATEGORY, Role.KEEP})


def _learned(values: pa.ChunkedArray, column: Column) -> pd.Series:
    if column.kind is Kind.DATE:
        values = values.cast(pa.timestamp("us"))
    return _to_pandas(values)


def _to_pandas(values: pa.ChunkedArray) -> pd.Series:
    if values.null_count and pa.types.is_boolean(values.type):
        return values.to_pandas(types_mapper=lambda _: pd.BooleanDtype())
    if values.null_count and pa.types.is_integer(values.type):
        return values.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    if pa.types.is_string(values.type):
        return pd.Series(values.to_numpy(zero_copy_only=False).astype(object))
    series = values.to_pandas()
    return series.astype("int64") if pa.types.is_integer(values.type) else series


def assemble(
    synthetic: pd.DataFrame,
    treatments: Sequence[Treatment],
    *,
    training: pa.Table,
    real: pa.Table,
    rows: int,
    parents: Parents,
    rng: Rng,
) -> pa.Table:
    """The twin: the columns of the relation in order, with types that Postgres reads without loss.

    Args:
        synthetic: what the backend made of `learnable(training)`, `rows` rows.
        treatments: of every column.
        training: the rows that were learned from; the numbers of children are taken from them.
        real: all extracted rows, so that no new key equals a real one.
        rows: of the twin.
        parents: the keys of a foreign key's parent twin, or None where there is no such twin.
        rng: the source of chance for keys and replacements.
    """
    columns = {}
    for treatment in treatments:
        if treatment.role is Role.DROP:
            continue
        name = treatment.column.name
        if treatment.role in LEARNED:
            columns[name] = encode(synthetic[name], treatment.column)
            continue
        if treatment.role is Role.DATE_OF_BIRTH:
            columns[name] = _birthdays(synthetic[name], treatment.column, rng)
            continue
        present = _present(synthetic, treatment, training.column(name), rows)
        values = _replaced(
            treatment, training.column(name), real.column(name), int(present.sum()), parents, rng
        )
        columns[name] = _placed(values, present)
    return pa.table(columns)


def _present(
    synthetic: pd.DataFrame, treatment: Treatment, training: pa.ChunkedArray, rows: int
) -> NDArray[np.bool_]:
    """In which rows of the twin a column that was not learned is not NULL."""
    if treatment.role is Role.FREE_TEXT or training.null_count == len(training):
        return np.zeros(rows, bool)
    if treatment.column.name in synthetic:
        return synthetic[treatment.column.name].to_numpy(bool)
    return np.ones(rows, bool)


def _replaced(
    treatment: Treatment,
    training: pa.ChunkedArray,
    real: pa.ChunkedArray,
    rows: int,
    parents: Parents,
    rng: Rng,
) -> pa.Array:
    column, role = treatment.column, treatment.role
    if role in MAKERS:
        return replacements(role, column, rows, rng, taken=real, unique=treatment.unique)
    if role is Role.KEY:
        return new_keys(real, column, rows, rng)
    if role in {Role.FOREIGN_KEY, Role.NATURAL_KEY}:
        pool = parents(treatment)
        return share_out(training, real, column, rows, rng, parents=pool, unique=treatment.unique)
    return pa.nulls(rows, real.type)


def _placed(values: pa.Array, present: NDArray[np.bool_]) -> pa.Array:
    """The values in the rows where they are present, NULL elsewhere."""
    if present.all():
        return values
    positions = np.cumsum(present) - 1
    return values.take(pa.array(positions, mask=~present))


def _birthdays(years: pd.Series, column: Column, rng: Rng) -> pa.Array:
    """A day drawn anew within each learned year."""
    known = years.notna().to_numpy()
    year = years.fillna(1970).to_numpy("int64").clip(1, 9999)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    days = pd.Series((first + rng.integers(0, 365, len(year))).astype("datetime64[us]"))
    return encode(days.where(known), column)


def encode(series: pd.Series, column: Column) -> pa.Array:
    """Learned values as Arrow of the column's type; what the type cannot hold becomes the nearest it can."""
    match column.kind:
        case Kind.BOOLEAN:
            return pa.array(series.astype("boolean"), pa.bool_())
        case Kind.INTEGER:
            return _whole(series, column)
        case Kind.DECIMAL:
            return _decimal(series, column)
        case Kind.FLOAT:
            numbers = series.to_numpy("float64", na_value=np.nan)
            empty = None if column.not_null else np.isnan(numbers)  # NaN is a value where NULL cannot be
            return pa.array(numbers, pa.float64(), mask=empty)
        case Kind.DATE | Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return _moments(series, column)
        case Kind.TIME:
            return _whole(series.clip(0, DAY - 1), column).cast(pa.time64("us"))
        case Kind.INTERVAL:
            text = [None if pd.isna(us) else f"PT{us // 10**6}.{us % 10**6:06d}S" for us in series]
            return pa.array(text, pa.string())
        case Kind.UUID | Kind.TEXT | Kind.OPAQUE:
            return pa.array(series.astype(object).where(series.notna(), None), pa.string())


def _whole(series: pd.Series, column: Column) -> pa.Array:
    if pd.api.types.is_float_dtype(series.dtype):
        series = series.round()
    values = pa.array(series.astype("Int64"), pa.int64())
    limit = 2 ** ((column.bits or 64) - 1) - 1
    low = 0 if column.data_type == "oid" else -limit - 1
    return pc.max_element_wise(pc.min_element_wise(values, limit, skip_nulls=False), low, skip_nulls=False)


def _decimal(series: pd.Series, column: Column) -> pa.Array:
    numbers = series.to_numpy("float64", na_value=np.nan)
    empty = np.isnan(numbers)
    precision, scale = column.precision or WIDEST - 20, column.scale
    if scale is None or scale < 0 or precision > WIDEST:
        return pa.array(numbers, mask=empty)
    # The largest double below the type's limit; the limit itself may not be one.
    largest = np.nextafter(10.0 ** (precision - scale), 0) - 10.0**-scale
    bounded = np.clip(np.where(empty, 0.0, numbers), -largest, largest).round(scale)
    return pa.array(bounded, mask=empty).cast(pa.decimal128(precision, scale), safe=False)


def _moments(series: pd.Series, column: Column) -> pa.Array:
    zone = "UTC" if column.kind is Kind.TIMESTAMPTZ else None
    naive = series.dt.tz_localize(None) if series.dt.tz is not None else series
    values = pa.array(naive.astype("datetime64[us]").clip(FIRST, LAST), pa.timestamp("us"))
    if column.kind is Kind.DATE:
        return pc.floor_temporal(values, unit="day").cast(pa.date32())
    return values.cast(pa.timestamp("us", zone))


def without_duplicates(
    twin: pa.Table, unique: Sequence[tuple[str, ...]], movable: Mapping[str, bool], rng: Rng
) -> tuple[pa.Table, int]:
    """The twin without rows that repeat a composite key, and how many rows that cost.

    Foreign keys change places first, which keeps every number of children; rows that still repeat are dropped.
    """
    for names in unique:
        if len(names) == 1 or not set(names) <= set(twin.column_names):
            continue
        moving = next((name for name in names if movable.get(name)), None)
        for _ in range(ROUNDS if moving else 0):
            repeated = np.flatnonzero(twin.select(names).to_pandas().duplicated().to_numpy())
            if not len(repeated):
                break
            others = rng.choice(twin.num_rows, min(len(repeated), twin.num_rows), replace=False)
            places = np.unique(np.concatenate([repeated, others]))
            order = np.arange(twin.num_rows)
            order[places] = rng.permutation(places)
            position = twin.column_names.index(moving)
            twin = twin.set_column(position, moving, twin.column(moving).take(pa.array(order)))
    before = twin.num_rows
    for names in unique:
        if len(names) > 1 and set(names) <= set(twin.column_names):
            keep = ~twin.select(names).to_pandas().duplicated().to_numpy()
            twin = twin.filter(pa.array(keep))
    return twin, before - twin.num_rows
