"""Keys of public rows that each have a time, such as races or days of a calendar, are learned as times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import betainc

from synth.columns.textforms import WrittenForm
from synth.domain import RARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.datetime64]

FEWEST = 2  # times, below which nothing is in order
SURELY = 1e-6  # chance that the rows of owners lie together as they do, if it were chance
REPEATS = 0.01  # share of rows that are at an event where their owner has one already


@dataclass(frozen=True, slots=True, eq=False)
class CalendarForm(WrittenForm):
    """Which key stands for which time.

    Attributes:
        keys: in the order of their times.
        times: of the keys, each later than the one before it, in microseconds.
        column: of the public table, that holds the times.
        rows: how many real rows each key has, if rows of a twin are to have the same share of each.
        nothing: the key of the row that has no time; what refers to it is at no time.
    """

    keys: pa.Array
    times: Times
    column: str
    rows: NDArray[np.int64] | None = None
    nothing: pa.Scalar | None = None

    def __str__(self) -> str:
        """Return what the keys say."""
        return f"{self.column} of what it refers to"

    @property
    def is_date(self) -> bool:
        """Whether it is a day of the calendar, perhaps with a time."""
        return True

    @property
    def is_number(self) -> bool:
        """Whether it measures something, as amounts and lengths of time do."""
        return False

    @property
    def is_of_days(self) -> bool:
        """Whether all times are days."""
        return bool((self.times.astype("datetime64[D]") == self.times).all())

    def read(self, values: pa.ChunkedArray) -> pd.Series[Any]:
        """Return the times of keys; NULL for one that there is not."""
        places = pc.index_in(values.cast(self.keys.type), self.keys)
        nothing = np.append(self.times, np.datetime64("NaT"))
        return pd.Series(nothing[places.fill_null(len(self.times)).to_numpy()])

    def write(self, series: pd.Series[Any]) -> pd.Series[Any]:
        """Return the keys whose times are nearest."""
        places = self.places(series)
        keys = self.keys.take(pa.array(places, mask=places < 0))
        keys = keys if self.nothing is None else keys.fill_null(self.nothing)
        written_keys: pd.Series[Any] = keys.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return written_keys.set_axis(series.index)

    def places(self, series: pd.Series[Any]) -> NDArray[np.int64]:
        """Return which of the times is nearest to each of these; -1 for NULL."""
        moments = series.to_numpy("datetime64[us]")
        middles = self.times[:-1] + np.diff(self.times) // 2
        return np.where(np.isnat(moments), -1, np.searchsorted(middles, moments))

    def nearest(self, series: pd.Series[Any], owner: NDArray[np.int64] | None = None) -> pd.Series[Any]:
        """Return the nearest times that there are; with owners, none twice in the rows of one.

        Where real rows are counted, each time gets its share of these, in the same order: the quantiles of
        one distribution become those of the other.

        Args:
            series: of times.
            owner: of each row, if no owner may have two rows at one time.
        """
        places = self.places(series)
        if self.rows is not None:
            order = np.argsort(series.to_numpy("datetime64[us]"), kind="stable")[: int((places >= 0).sum())]
            shares = np.cumsum(self.rows) / self.rows.sum()
            quantiles = (np.arange(len(order)) + 0.5) / max(len(order), 1)
            places[order] = np.searchsorted(shares, quantiles)
        if owner is not None:
            places = _apart(places, owner, series, len(self.times))
        times = np.append(self.times, np.datetime64("NaT"))[places]
        return pd.Series(times, index=series.index).astype(series.dtype)


def _apart(
    places: NDArray[np.int64], owner: NDArray[np.int64], times: pd.Series[Any], number: int
) -> NDArray[np.int64]:
    """Return places that differ within each owner, in the order of times; what is taken goes to the next."""
    rows = pd.DataFrame({"owner": owner, "place": places, "time": times.array})[places >= 0]
    rows = rows.sort_values(["owner", "time"], kind="stable")
    groups = rows.groupby("owner", sort=False)
    before, behind = groups.cumcount(), groups.cumcount(ascending=False)
    free = (rows["place"] - before).groupby(rows["owner"], sort=False).cummax() + before
    result = places.copy()
    result[rows.index] = np.minimum(free, np.maximum(number - 1 - behind, 0))
    return result


def calendar_form(keys: pa.ChunkedArray, times: pa.ChunkedArray, column: str) -> CalendarForm | None:
    """Return the form of keys of which each but one has a time of its own; None where that is not so."""
    if keys.null_count or times.null_count > 1 or len(keys) - times.null_count < FEWEST:
        return None
    nothing = keys.filter(times.is_null())[0] if times.null_count else None
    keys, times = keys.filter(times.is_valid()), times.drop_null()
    moments = times.cast(pa.timestamp("us")).to_numpy()
    order = np.argsort(moments, kind="stable")
    is_apart = bool((np.diff(moments[order]) > np.timedelta64(0, "us")).all())
    if not is_apart or len(keys.unique()) < len(keys):
        return None
    sorted_keys = keys.combine_chunks().take(pa.array(order))
    return CalendarForm(sorted_keys, moments[order], column, nothing=nothing)


def at_no_time(form: CalendarForm, values: pa.ChunkedArray) -> CalendarForm | None:
    """Return the form for a column with one way to say that its row was at no time; None where it has two.

    Such rows refer to the row that has no time, or to none at all.
    """
    if form.nothing is None:
        return form
    if not pc.any(pc.equal(values.cast(form.keys.type), form.nothing)).as_py():
        return replace(form, nothing=None)
    return None if values.null_count else form


def with_real_rows(form: CalendarForm, values: pa.ChunkedArray, units: NDArray[Any]) -> CalendarForm:
    """Return the form of events with their real rows, where each of them has those of ten people or none.

    Args:
        form: of the keys.
        values: the keys of the rows.
        units: whom each row is about.
    """
    places = pc.index_in(values.cast(form.keys.type), form.keys).fill_null(-1).to_numpy()
    rows = pd.DataFrame({"place": places, "unit": units})
    people = rows.drop_duplicates()["place"].value_counts()
    if people.min() < RARE:
        return form
    return replace(form, rows=np.bincount(places[places >= 0], minlength=len(form.keys)))


def orders_rows(form: CalendarForm, values: pa.ChunkedArray, owner: NDArray[Any]) -> bool:
    """Return whether rows are at the times of what they refer to: those of one owner lie together in time.

    Whoever buys some products does not buy those that were launched one after the other. The places of the
    rows among the times differ less within owners than they would by chance: an analysis of variance.

    Args:
        form: of the keys.
        values: the keys of the rows.
        owner: of each row.
    """
    times = form.read(values)
    if times.isna().any():
        return False
    rows = pd.DataFrame({"owner": owner, "place": times.rank(method="dense")})
    if rows.duplicated().mean() > REPEATS:
        return False
    groups = rows.groupby("owner")["place"]
    within = float(((rows["place"] - groups.transform("mean")) ** 2).sum())
    whole = float(((rows["place"] - rows["place"].mean()) ** 2).sum())
    between_free, within_free = groups.ngroups - 1, len(rows) - groups.ngroups
    if between_free < 1 or within_free < 1 or whole == 0:
        return False
    # The share of the variance within owners has a beta distribution where owners do not differ.
    return float(betainc(within_free / 2, between_free / 2, within / whole)) < SURELY
