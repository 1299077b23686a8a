"""The relation of a twin by guarantee: keys, replacements and labels that no real value has a part in.

What they look like follows from type and role alone. So they cannot be compared with real ones either: they
come from ranges and alphabets that real ones hardly ever have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import BY_ROW, as_plain, by_row, of_type
from synth.columns.encoding import arrow_type
from synth.columns.keys import full, largest, texts_of_pattern, uuids
from synth.columns.pii import USUAL
from synth.columns.placeholders import placeholders
from synth.columns.replace import MAKERS, replacements
from synth.columns.roles import LEARNED_ROLES
from synth.columns.textforms import WrittenForm
from synth.domain import Kind, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column

    Parents = Callable[[Treatment], pa.Array | None]
    Codes = NDArray[np.int64]

Rng = np.random.Generator

BEYOND = 10**15  # where whole numbers begin that hardly any table has; floats and JavaScript hold them
LETTERS = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"))  # that nobody mistakes for each other
LENGTH = 12  # of a new key that is text
PRESENT = "present"  # stands for every value of a column of which only the NULLs are counted
FEW_ABSENT = 0.02  # share of NULLs below which noise is likelier than that there are some
FIRST_DAY = np.datetime64("2100-01-01", "D")  # of keys that are dates


def assemble_unseen(
    synthetic: pd.DataFrame,
    treatments: Sequence[Treatment],
    *,
    parents: Parents,
    rng: Rng,
    shared_values: Mapping[str, Codes] | None = None,
    links: Mapping[str, Codes] | None = None,
) -> pa.Table:
    """Return the columns of the relation in order, with types that Postgres reads without loss.

    Args:
        synthetic: rows drawn by the private engine; a column of keys or texts may say where it is not NULL.
        treatments: of every column.
        parents: the keys of a foreign key's parent twin, or None where there is no such twin.
        rng: the source of chance.
        shared_values: columns of which rows that have one number here, from 0 on, get one value.
        links: foreign keys of which each row has the place of its parent here, among the parents' keys.

    Raises:
        ModelError: there is no room for new keys or replacements, or a parent's keys are of another type.
    """
    columns: dict[str, pa.Array] = {}
    rows, shared_values, links = len(synthetic), shared_values or {}, links or {}

    def pool(treatment: Treatment) -> pa.Array | None:
        key = treatment.parent
        return columns.get(key.parent_column) if key and treatment.to_itself else parents(treatment)

    for treatment in sorted(treatments, key=lambda one: one.to_itself):  # they need the new keys
        name = treatment.column.name
        if treatment.role is Role.DROP:
            continue
        if treatment.role in BY_ROW:
            columns[name] = by_row(treatment, synthetic, rng)
            continue
        present = _present(synthetic, treatment, rows)
        places = shared_values.get(name, np.cumsum(present) - 1)
        values = pool(treatment) if name in links and (treatment.parent or treatment.shared) else None
        if values is not None:
            places = links[name]
        else:
            values = _key_values(treatment, int(places.max(initial=-1)) + 1, pool, rng)
        columns[name] = of_type(values.take(pa.array(places, mask=~present)), treatment.column)
    order = [treatment.column.name for treatment in treatments if treatment.column.name in columns]
    return pa.table({name: columns[name] for name in order})


def private_columns(table: pa.Table, treatments: Sequence[Treatment]) -> pd.DataFrame:
    """Return the columns of `table` that the private engine counts.

    Which they are does not depend on the rows: of keys and identifiers that may be NULL, whether they are.
    """
    series: dict[str, pd.Series[Any]] = {}
    for treatment in treatments:
        name, values = treatment.column.name, table.column(treatment.column.name)
        if treatment.role is Role.DATE_OF_BIRTH:
            series[name] = as_plain(pc.year(values))
        elif isinstance(treatment.form, WrittenForm):
            series[name] = treatment.form.read(values)
        elif treatment.role in LEARNED_ROLES:
            series[name] = as_plain(values)
        elif may_be_absent(treatment):
            series[name] = as_plain(pc.if_else(values.is_valid(), PRESENT, pa.scalar(None, pa.string())))
    return pd.DataFrame(series, index=pd.RangeIndex(table.num_rows))


def may_be_absent(treatment: Treatment) -> bool:
    """Return whether it is counted in which rows a column of identifiers is NULL; own keys never are."""
    return treatment.role not in BY_ROW | {Role.FREE_TEXT, Role.DROP, Role.KEY} and not treatment.is_required


def unseen_keys(column: Column, rows: int, rng: Rng) -> pa.Array:
    """Return `rows` different keys of the type of `column`, from where real keys hardly ever are.

    Raises:
        ModelError: the type has no room for as many.
    """
    match column.kind:
        case Kind.UUID:
            return pa.array(uuids(rows, rng), pa.string())
        case Kind.TEXT | Kind.OPAQUE:
            return pa.array(_texts(column, rows, rng), pa.string())
        case Kind.INTEGER | Kind.DECIMAL | Kind.FLOAT:
            return pa.array(_whole_numbers(column, rows), pa.int64())
        case Kind.DATE:
            return pa.array(FIRST_DAY + np.arange(rows), pa.date32())
        case _:
            seconds = FIRST_DAY.astype("datetime64[us]") + np.arange(rows) * np.timedelta64(1, "s")
            return pa.array(seconds, pa.timestamp("us")).cast(arrow_type(column))


def _present(synthetic: pd.DataFrame, treatment: Treatment, rows: int) -> NDArray[np.bool_]:
    """Return in which rows a column is not NULL."""
    if treatment.is_required:
        return np.ones(rows, bool)
    if treatment.column.name not in synthetic:
        return np.full(rows, treatment.role is not Role.FREE_TEXT)
    present = synthetic[treatment.column.name].notna().to_numpy(bool)
    return present if (~present).mean() >= FEW_ABSENT else np.ones(rows, bool)


def _key_values(treatment: Treatment, rows: int, parents: Parents, rng: Rng) -> pa.Array:
    column, role = treatment.column, treatment.role
    what = treatment.what or USUAL.get(role)
    pool = parents(treatment) if role in {Role.FOREIGN_KEY, Role.NATURAL_KEY} else None
    if pool is not None:
        return _of_parents(pool, rows, rng, unique=treatment.unique)
    nothing, pattern = pa.chunked_array([], pa.string()), treatment.pattern
    if what in MAKERS and role is not Role.FREE_TEXT:
        return replacements(
            what, column, rows, rng, real=nothing, existing=nothing, unique=treatment.unique, pattern=pattern
        )
    if role is Role.FREE_TEXT:
        return placeholders(
            column, rows, rng, real=nothing, existing=nothing, unique=treatment.unique, pattern=pattern
        )
    if pattern is not None:
        return texts_of_pattern(pattern, column, rows, rng, unique=treatment.unique)
    return unseen_keys(column, rows, rng)


def _of_parents(pool: pa.Array, rows: int, rng: Rng, *, unique: bool) -> pa.Array:
    """Return keys of the parent's twin, each as likely as any other.

    Rows beyond those that it has get none.
    """
    if not len(pool):
        return pa.nulls(rows, pool.type)
    if not unique:
        return pool.take(pa.array(rng.integers(0, len(pool), rows)))
    order = np.full(rows, -1)
    number = min(rows, len(pool))
    order[:number] = rng.permutation(len(pool))[:number]
    return pool.take(pa.array(order, mask=order < 0))


def _whole_numbers(column: Column, rows: int) -> NDArray[np.int64]:
    """Return numbers from the last leading digit that the type has, such as 2,000,000,001 of an integer."""
    most = largest(column)
    start = min(int(str(most)[0]) * 10 ** (len(str(most)) - 1), BEYOND) + 1
    start = min(start, most - rows + 1)
    if start < 1:
        raise full(column, rows)
    return np.arange(start, start + rows)


def _texts(column: Column, rows: int, rng: Rng) -> NDArray[Any]:
    length = min(LENGTH, column.length or LENGTH)
    if len(LETTERS) ** length < 2 * rows:
        raise full(column, rows)
    texts: dict[str, None] = {}
    while len(texts) < rows:
        letters = LETTERS[rng.integers(0, len(LETTERS), (rows + 8, length))]
        texts |= dict.fromkeys("".join(row) for row in letters.tolist())
    return np.array(list(texts)[:rows], object)
