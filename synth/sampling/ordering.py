"""Which column orders the rows of an owner: a date, or a number that counts them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.columns.textforms import WrittenForm
from synth.domain import Kind, Role, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Model
    from synth.sampling.source import SourceRows

    Values = Mapping[str, NDArray[Any]]

MOST = 0.5  # of the rows behind another, in more of which a date that counts them is later
TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


def time_of(source: SourceRows, owner: NDArray[np.int64], treatments: Sequence[Treatment]) -> str | None:
    """Return the column that orders the rows of an owner.

    A number that counts the rows of every owner from 1, unless a date rises with it: it never falls, and in
    most rows it is later than before. The rows are counted again by that date. Else the date, also one that
    is written as a number or as text, that tells most of the rows apart.
    """
    numbers, dates = _columns(source, treatments)
    counter = next((name for name, values in numbers.items() if _counts(values, owner)), None)
    if counter is not None:
        order = np.lexsort((numbers[counter], owner))
        again = owner[order][1:] == owner[order][:-1]
        rises = {name: _share_of_rises(values[order], again) for name, values in dates.items()}
        best = max(rises, key=lambda name: rises[name], default=counter)
        return best if rises.get(best, 0.0) > MOST else counter
    apart = {
        name: len(pd.DataFrame({0: owner, 1: values}).drop_duplicates()) for name, values in dates.items()
    }
    return max(apart, key=lambda name: apart[name], default=None)


def time_of_windows(
    model: Model,
    source: SourceRows,
    owner: NDArray[np.int64],
    treatments: Sequence[Treatment],
    key: str,
    time: str | None,
) -> str | None:
    """Return the date by which windows of the model's SQL order the rows of an owner, where `time` does not.

    Visits that are counted by when they are stand in that order, and not in that of when they were booked.

    Args:
        model: whose rows.
        source: of the rows.
        owner: of each row, as a number.
        treatments: of the columns.
        key: the column of the owner's key.
        time: what orders the rows as far as values say.
    """
    dates = _columns(source, treatments)[1]
    pattern = re.compile(rf'PARTITION BY "{re.escape(key)}" ORDER BY "([^"]+)"')
    texts = (one.sql for one in model.formulas if one.scope is Scope.WINDOW)
    names = Counter(name for text in texts for name in pattern.findall(text) if name in dates)
    if not names or time is None or time not in dates:
        return time
    stated_time = names.most_common(1)[0][0]
    order = np.lexsort((dates[time], owner))
    values, again = dates[stated_time][order], owner[order][1:] == owner[order][:-1]
    return stated_time if bool((values[1:] < values[:-1])[again].any()) else time


def _columns(source: SourceRows, treatments: Sequence[Treatment]) -> tuple[Values, Values]:
    """Return the whole numbers and the dates without NULL."""
    numbers: dict[str, NDArray[Any]] = {}
    dates: dict[str, NDArray[Any]] = {}
    for one in treatments:
        values = source.real.column(one.column.name)
        if one.role not in {Role.NUMBER, Role.DATETIME} or values.null_count:
            continue
        if isinstance(one.form, WrittenForm):
            if one.form.is_date:
                dates[one.column.name] = one.form.read(values).to_numpy()
        elif one.column.kind is Kind.INTEGER and one.form is None:
            numbers[one.column.name] = values.to_pandas().to_numpy()
        elif one.column.kind in TIMES | {Kind.INTEGER} and (one.form is None or one.form.is_date):
            dates[one.column.name] = values.to_pandas().to_numpy()
    return numbers, dates


def own_dates(source: SourceRows, treatments: Sequence[Treatment]) -> Values:
    """Return the dates without NULL by which the rows could be ordered, by column."""
    return _columns(source, treatments)[1]


def times_of_rows(real: pa.Table, name: str, treatments: Sequence[Treatment]) -> NDArray[Any]:
    """Return what orders rows by such a column: of dates that are written in some way, not how they are."""
    form = next((one.form for one in treatments if one.column.name == name), None)
    values = real.column(name)
    return (form.read(values) if isinstance(form, WrittenForm) else values.to_pandas()).to_numpy()


def _counts(values: NDArray[Any], owner: NDArray[np.int64]) -> bool:
    """Return whether values count the rows of every owner from 1."""
    rows = pd.DataFrame({"owner": owner, "value": values})
    place = rows.groupby("owner")["value"].rank(method="first")
    return bool((rows["value"] == place).all() and rows["value"].max() > 1)


def _share_of_rises(values: NDArray[Any], again: NDArray[np.bool_]) -> float:
    """Return in how many rows behind another of their owner a value is above that one's; 0 if any falls."""
    before, now = values[:-1][again], values[1:][again]
    return float((now > before).mean()) if len(now) and bool((now >= before).all()) else 0.0
