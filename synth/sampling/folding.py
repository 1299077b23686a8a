"""What one entity repeats is not common: rows as a backend may see them that counts rows, or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    Units = NDArray[np.uint64]
    Numbers = NDArray[Any]

DECIMALS = 9  # of floating-point numbers, beyond which they have no grid
MANY = 50  # different texts that few have, from which on they are no list
ROOMY = 20  # positions for each real value, from which on chance need not meet one
TRIES = 8
# The words that a text has before one with a digit. What has brackets or quotes is no text, but something
# of which a part may be nothing: a document, an array, a row.
BEFORE_NUMBER = r"""^([^\W\d_](?:[^\d{}\[\]"<>]*?[^\s\d{}\[\]"<>])?)\s+[^\s{}\[\]"<>]*\d"""
DAY, WEEK = 86_400_000_000, 7  # a day in microseconds; a date that moves stays on its day of the week


@dataclass(frozen=True, slots=True)
class Holders:
    """The different values of a column in order, and who holds them.

    Attributes:
        place: of each row's value among them.
        rare: which of them fewer than `RARE` entities hold.
        repeats: which of these some entity holds in several rows.
        own: which of them the rows hold that are shown.
        low, high: the first and the last of those that as many entities reach below and above, as places.
    """

    numbers: Numbers
    place: NDArray[np.intp]
    rare: NDArray[np.bool_]
    repeats: NDArray[np.bool_]
    own: NDArray[np.bool_]
    low: int
    high: int

    @classmethod
    def of(cls, numbers: Numbers, units: Units, own_rows: NDArray[np.bool_]) -> Holders:
        """Count who holds the numbers; only some of the rows are shown."""
        values, place = np.unique(numbers, return_inverse=True)
        codes = np.unique(units, return_inverse=True)[1]
        width = int(codes.max(initial=0)) + 1
        pairs = place.astype(np.int64) * width + codes
        value_places, whose = np.divmod(np.unique(pairs), width)
        entities = np.bincount(value_places, minlength=len(values))
        rare = entities < RARE
        first = np.unique(whose, return_index=True)[1]  # pairs are in the order of values
        last = len(whose) - 1 - np.unique(whose[::-1], return_index=True)[1]
        reach = min(RARE, len(first)) - 1
        own = np.bincount(place[own_rows], minlength=len(values)) > 0
        places = np.flatnonzero(own)
        low = np.searchsorted(places, np.sort(value_places[first])[reach])
        high = np.searchsorted(places, np.sort(value_places[last])[len(last) - 1 - reach], "right") - 1
        return cls(
            values,
            place,
            rare,
            rare & (np.bincount(place, minlength=len(values)) > entities),
            own,
            int(places[min(low, len(places) - 1)]),
            int(places[max(high, 0)]),
        )

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which values fewer than `RARE` entities reach."""
        places = np.arange(len(self.numbers))
        return (places < self.low) | (places > self.high)


def fold_rare_values(
    rows: pd.DataFrame,
    units: Units,
    labels: Collection[str],
    *,
    public: Collection[str] = (),
    seed: int,
    part: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return the rows with what fewer than RARE entities hold drawn anew from what is near or commoner.

    Labels become commoner ones. Numbers and dates that an entity repeats, and those beyond the RARE-th
    smallest and largest entity's value, are drawn from between the values of the entities next to it.

    Args:
        rows: of which the twin is made.
        units: the entity that each of them is about.
        labels: columns whose values have no order.
        public: columns whose values are no secret.
        seed: of what is drawn.
        part: the rows to return. The entities of all count where a value must be shared; nothing else is
            taken from the others.
    """
    part = np.ones(len(rows), bool) if part is None else part
    result = rows[part].reset_index(drop=True)
    rng = np.random.default_rng([seed, len(result)])
    for name in sorted(set(rows.columns) - set(public)):
        if name in labels:
            result[name] = _commoner(rows[name], units, part, rng)
        elif is_ordered(rows[name]):
            result[name] = _nearby(rows[name], units, part, rng)
    return result


def apart(
    synthetic: pd.DataFrame, real: pd.DataFrame, units: Units, columns: Collection[str]
) -> pd.DataFrame:
    """Return the rows drawn, none with a number that is somebody's own, where the numbers have room.

    Looked at are numbers and dates that an entity repeats, row by row the same: such a number is known to
    whoever knows the person. Where few positions are free, one that is met says nothing.
    """
    result = synthetic.copy()
    for name in sorted(set(columns) & set(synthetic.columns)):
        if not is_ordered(real[name]):
            continue
        finite, numbers = _numbers(real[name])
        if not finite.any():
            continue
        holders = Holders.of(numbers, units[finite], np.ones(len(numbers), bool))
        own, grid = holders.numbers[holders.repeats], StepGrid.of(holders.numbers)
        there, new_numbers = _numbers(result[name])
        room = grid.positions(holders.numbers[0], holders.numbers[-1])
        if not len(own) or room < ROOMY * len(holders.numbers) or room < len(new_numbers):
            continue
        of_days = pd.api.types.is_datetime64_any_dtype(real[name]) and grid.step == DAY
        stride = WEEK * DAY if of_days else grid.step
        for step in range(1, TRIES + 1):
            others = grid.nearest(new_numbers + step * stride * (-1) ** step)
            collides = np.isin(new_numbers, own)
            if of_days:  # whole weeks lead beyond the ends soon
                collides &= (others >= holders.numbers[0]) & (others <= holders.numbers[-1])
            new_numbers = np.where(collides, others, new_numbers)
        result[name] = _as(result[name], there, new_numbers)
    return result


def own_numbers(values: pd.Series[Any], units: Units) -> Numbers:
    """Return the numbers that some entity repeats and few hold; moments as microseconds."""
    finite, numbers = _numbers(values)
    if not finite.any():
        return numbers
    holders = Holders.of(numbers, units[finite], np.ones(len(numbers), bool))
    return holders.numbers[holders.repeats]


def is_ordered(values: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers or moments."""
    number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return bool(number or pd.api.types.is_datetime64_any_dtype(values.dtype))


@dataclass(frozen=True, slots=True)
class StepGrid:
    """The positions that values lie on: whole steps from the first one; a step of 0 where there are none."""

    start: Any
    step: Any

    @classmethod
    def of(cls, values: Numbers) -> StepGrid:
        """Find the widest steps that all different values lie on; of decimals, those of their last digit."""
        if values.dtype.kind != "f":
            steps = np.diff(values)
            return cls(values[0], int(np.gcd.reduce(steps)) if len(steps) else 1)
        for decimals in range(DECIMALS + 1):
            if np.array_equal(values.round(decimals), values):
                return cls(0.0, 10.0**-decimals)
        return cls(0.0, 0.0)

    def nearest(self, values: Numbers) -> Numbers:
        """Return the positions next to the values."""
        if not self.step:
            return values
        if isinstance(self.step, int):
            steps = np.rint((values - self.start) / self.step).astype(np.int64)
            on_grid: Numbers = steps * self.step + self.start
            return on_grid
        on_decimals: Numbers = (np.rint(values / self.step) * self.step).round(DECIMALS)
        return on_decimals

    def positions(self, low: Any, high: Any) -> float:
        """Return how many there are between two values."""
        return float((high - low) / self.step) + 1 if self.step else float("inf")


def _commoner(
    labels: pd.Series[Any], units: Units, part: NDArray[np.bool_], rng: np.random.Generator
) -> pd.Series[Any]:
    """Return the labels of a part; those that few entities hold become what many begin with, or commoner.

    Of `Payment of V-1203` remains `Payment of`, of `{"page": "/query", "took": 1203}` `{"page": "/query"}`.
    """
    rare = labels.isin(_rare(labels, units))
    if labels.dtype.kind == "O" and labels[rare].nunique() >= MANY:
        beginnings = _beginnings(labels[rare], units[rare.to_numpy(bool)]).dropna()
        labels, rare = labels.copy(), rare.copy()
        labels[beginnings.index], rare[beginnings.index] = beginnings, False
    result, rare = labels[part].reset_index(drop=True), rare[part].reset_index(drop=True)
    common = result[~rare].dropna()
    if rare.any() and len(common):
        result[rare] = common.sample(int(rare.sum()), replace=True, random_state=rng).array
    return result


def _rare(labels: pd.Series[Any], units: Units) -> pd.Index[Any]:
    """Return the labels that fewer than `RARE` entities hold."""
    holders = pd.DataFrame({"label": labels, "unit": units}).drop_duplicates()["label"].value_counts()
    return holders.index[holders < RARE]


def _beginnings(labels: pd.Series[Any], units: Units) -> pd.Series[Any]:
    """Return what texts have in common: words before a number, members of a document; None where few do."""
    texts = labels.where(labels.map(lambda label: isinstance(label, str)), "").astype(str)
    words = texts.str.extract(BEFORE_NUMBER)[0].str.strip()
    words = words.where(words.notna() & (words != ""), None)
    documents = texts[texts.str.startswith("{")].map(_members).dropna()
    words[documents.index] = _common_members(documents, units[labels.index.isin(documents.index)])
    return words.mask(words.isin(_rare(words, units)), None)


def _members(text: str) -> dict[str, Any] | None:
    """Return the members of a JSON object; None for other texts."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _common_members(documents: pd.Series[Any], units: Units) -> pd.Series[Any]:
    """Return the documents, as text, with those members alone that enough entities have."""
    members = documents.map(lambda document: [*map(json.dumps, document.items())])
    every = pd.DataFrame({"label": members, "unit": units}).explode("label")
    rare = set(_rare(every["label"], every["unit"].to_numpy()))

    def common(document: dict[str, Any]) -> str | None:
        shared = {key: value for key, value in document.items() if json.dumps((key, value)) not in rare}
        return json.dumps(shared, ensure_ascii=False) if shared else None

    return documents.map(common)


def _nearby(
    values: pd.Series[Any], units: Units, part: NDArray[np.bool_], rng: np.random.Generator
) -> pd.Series[Any]:
    """Return the numbers of a part, with somebody's own drawn from between those of others next to them.

    What an entity repeats it repeats after that, too: the rent of every month, or an instalment.
    """
    result = values[part].reset_index(drop=True)
    finite, numbers = _numbers(values)
    own = part[finite]
    if len(np.unique(units[finite])) < 2 * RARE or not own.any():
        return result
    holders = Holders.of(numbers, units[finite], own)
    finite, numbers, place = finite[part], numbers[own], holders.place[own]
    drawn_anew = (holders.repeats | holders.beyond)[place]
    if not drawn_anew.any():
        return result
    pool = holders.numbers[holders.own & holders.rare & ~holders.beyond]
    inside = np.clip(numbers, holders.numbers[holders.low], holders.numbers[holders.high])
    if len(pool) < RARE:
        return _as(result, finite, np.where(drawn_anew, inside, numbers))
    grid = StepGrid.of(holders.numbers[holders.own])
    whom = np.unique(units[part][finite], return_inverse=True)[1][drawn_anew]
    pairs = np.stack([place[drawn_anew].astype(np.int64), whom])
    first, again = np.unique(pairs, axis=1, return_index=True, return_inverse=True)[1:]
    around = np.searchsorted(pool, inside[drawn_anew][first])
    places = np.clip(around + rng.integers(-RARE // 2, RARE // 2 + 1, len(around)), 0, len(pool) - 2)
    gaps = pool[places + 1] - pool[places]
    others = grid.nearest(pool[places] + (rng.random(len(places)) * gaps).astype(numbers.dtype))
    numbers = numbers.copy()
    numbers[drawn_anew] = others[again.ravel()]
    return _as(result, finite, numbers)


def _numbers(values: pd.Series[Any]) -> tuple[NDArray[np.bool_], Numbers]:
    """Return which values are finite, and these as numbers: moments as microseconds."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        moments = values.dt.tz_convert(None) if isinstance(values.dtype, pd.DatetimeTZDtype) else values
        plain = moments.to_numpy("datetime64[us]")
        finite = ~np.isnat(plain)
        return finite, plain[finite].astype(np.int64)
    if pd.api.types.is_integer_dtype(values.dtype):
        finite = values.notna().to_numpy(bool)
        return finite, values[finite].to_numpy(np.int64)
    numbers = values.to_numpy("float64", na_value=np.nan)
    finite = np.isfinite(numbers)
    return finite, numbers[finite]


def _as(values: pd.Series[Any], finite: NDArray[np.bool_], numbers: Numbers) -> pd.Series[Any]:
    """Return the column with these numbers where its values are finite, in its own dtype."""
    fresh: pd.Series[Any] = pd.Series(numbers, index=values.index[finite])
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        fresh = pd.Series(numbers.astype("datetime64[us]"), index=fresh.index)
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            fresh = fresh.dt.tz_localize("UTC")
    result = values.copy()
    result.loc[fresh.index] = fresh.astype(values.dtype)
    return result
