"""Numbers of one entity resemble each other: the height of a person is about the same at every visit.

Rows of a visit are drawn given the visit, and rows of a person given the row before, which may measure
something else. Where real numbers of one entity, beside one label, are closer than those that were drawn, the
drawn ones change places among the rows of the same label until they are as close. So each label keeps its
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd
from scipy.special import ndtri

from synth.domain import RARE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Floats: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]

FEWEST_PAIRS = 10 * RARE  # rows beyond the first of their entity and label, from which a correlation is known
FEWEST_NUMBERS = 20  # different ones of a column; fewer are grades, which go by other columns
MOST_LABELS = 60  # of a column that says what numbers measure
GAIN = 0.1  # by how much a correlation is higher that counts as higher
RELATION = 0.2  # rank correlation from which columns of a row change places together
MOST_ROWS = 50_000  # real rows that are looked at
STEPS = 12  # halvings of the weight that is looked for; its error is then below .001


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Numbers in `column` that stand beside one label of an entity correlate.

    Attributes:
        label: the column that says what they measure; None where they are of one kind.
        correlation: of the numbers of all labels.
        by_label: that of the numbers of single labels, where they are enough to say.
        beside: columns that go with the number.
    """

    column: str
    label: str | None
    correlation: float
    by_label: Mapping[Any, float] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


def with_resemblance(
    rows: pd.DataFrame,
    entity: Ints,
    aims: Sequence[Resemblance],
    half: Mask | None,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the rows in which numbers of one entity resemble each other as they should.

    Args:
        rows: that were drawn.
        entity: whom each is about, as a number.
        aims: of each column, at most once.
        half: which rows the engine of the second half drew; rows of two engines do not mix.
        rng: the source of chance.
    """
    for one in aims:
        rows = _closer(rows, entity, one, half, rng)
    return rows


def resemblances(
    real: pd.DataFrame,
    whom: Ints,
    *,
    categories: Collection[str],
    unchanged_columns: Collection[str],
    by_label_alone: bool = False,
) -> list[Resemblance]:
    """Return of which columns numbers of one entity resemble each other more than those of two.

    Columns that go with dates are left out: they rise or fall, which histories know.

    Args:
        real: the real rows.
        whom: whom each is about, as a number.
        categories: columns whose values are labels.
        unchanged_columns: columns that follow from others of the row, or others from them.
        by_label_alone: rows are drawn given those before of their entity, so that they resemble these.
    """
    if len(whom) - len(np.unique(whom)) < FEWEST_PAIRS:
        return []
    if len(whom) > MOST_ROWS:  # all rows of some entities
        some = whom % ceil(len(whom) / MOST_ROWS) == 0
        real, whom = real[some].reset_index(drop=True), whom[some]
    numbers = [name for name in real.columns if name not in categories and _is_number(real[name])]
    label_columns = [
        name for name in real.columns if name in categories and 1 < real[name].nunique() <= MOST_LABELS
    ]
    results = []
    for name in numbers:
        best = _best_label(real, name, whom, label_columns, by_label_alone=by_label_alone)
        beside = None if best is None else _beside(real, best, whom, categories)
        if best is not None and beside is not None and not {name, *beside} & {*unchanged_columns}:
            results.append(replace(best, by_label=_by_label(real, best, whom), beside=beside))
    return results


def _by_label(real: pd.DataFrame, one: Resemblance, whom: Ints) -> dict[Any, float]:
    """Return the correlations of the numbers of single labels."""
    if one.label is None:
        return {}
    result = {}
    for label, rows in real[[one.column]].assign(whom=whom).groupby(real[one.label].to_numpy(object)):
        numbers = rows[one.column].reset_index(drop=True)
        value = correlation_within(
            scores(numbers, _one_label(rows)), rows["whom"].to_numpy(), _one_label(rows)
        )
        if value is not None:
            result[label] = max(value, 0.0)
    return result


def _best_label(
    real: pd.DataFrame, name: str, whom: Ints, label_columns: Sequence[str], *, by_label_alone: bool
) -> Resemblance | None:
    """Return by which label the numbers of a column resemble each other most, if they do."""
    plain = correlation_within(scores(real[name], _one_label(real)), whom, _one_label(real))
    best = None if plain is None or plain < GAIN else Resemblance(name, None, plain)
    least = GAIN if best is None else best.correlation + GAIN
    best = None if by_label_alone else best
    for label in label_columns:
        labels = _labels(real[label])
        value = correlation_within(scores(real[name], labels), whom, labels)
        if value is not None and value > least:
            best, least = Resemblance(name, label, value), value
    return best


def _beside(
    real: pd.DataFrame, one: Resemblance, whom: Ints, categories: Collection[str]
) -> tuple[str, ...] | None:
    """Return which columns go with a number beside its label; None where a date does."""
    labels = _one_label(real) if one.label is None else _labels(real[one.label])
    own = scores(real[one.column], labels)
    groups = np.unique(np.stack([whom, labels]), axis=1, return_inverse=True)[1].ravel()
    beside = []
    for name in real.columns:
        if name in {one.column, one.label}:
            continue
        if name in categories:
            strength = _explained_share(own, labels, _labels(real[name]))
        elif real[name].dtype.kind == "M" or pd.api.types.is_numeric_dtype(real[name].dtype):
            other = scores(_as_numbers(real[name]), labels)
            strength = max(
                _correlation(own, other), _correlation(_center(own, groups), _center(other, groups))
            )
        else:
            continue
        if strength >= RELATION and real[name].dtype.kind == "M":
            return None
        if strength >= RELATION:
            beside.append(str(name))
    return tuple(beside)


def _explained_share(own: Floats, labels: Ints, others: Ints) -> float:
    """Return the correlation ratio of scores by another label, within the rows of one label."""
    frame = pd.DataFrame({"score": own, "label": labels, "other": others}).dropna()
    within = frame["score"] - frame.groupby(["label", "other"])["score"].transform("mean")
    around = frame["score"] - frame.groupby("label")["score"].transform("mean")
    total = float((around**2).sum())
    degrees = frame[["label", "other"]].drop_duplicates().shape[0] - frame["label"].nunique()
    share = 1 - float((within**2).sum()) / total - degrees / max(len(frame), 1) if total > 0 else 0.0
    return float(np.sqrt(max(share, 0.0)))


def _correlation(own: Floats, other: Floats) -> float:
    present = ~np.isnan(own) & ~np.isnan(other)
    own, other = own[present], other[present]
    if len(own) < FEWEST_PAIRS or not own.std() or not other.std():
        return 0.0
    return float(abs(np.corrcoef(own, other)[0, 1]))


def _center(own: Floats, groups: Ints) -> Floats:
    values = pd.Series(own)
    return cast("Floats", (values - values.groupby(groups).transform("mean")).to_numpy())


def _as_numbers(values: pd.Series[float]) -> pd.Series[float]:
    """Return numbers or moments as numbers, NaN for NULL."""
    if values.dtype.kind != "M":
        return values
    return values.astype("int64").astype("float64").where(values.notna())


def _closer(
    rows: pd.DataFrame, entity: Ints, one: Resemblance, half: Mask | None, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the rows with the numbers of a column at places where they resemble each other so."""
    labels = _one_label(rows) if one.label is None else _labels(rows[one.label])
    places = np.arange(len(rows))
    for some, correlation in _parts(rows, one, labels):
        numbers = rows[one.column].iloc[some].reset_index(drop=True)
        halves = np.zeros(len(some), np.int64) if half is None else half[some].astype(np.int64)
        order = _order(numbers, entity[some], labels[some], correlation, halves, rng)
        places[some] = some[order]
    result = rows.copy()
    for name in (one.column, *one.beside):
        result[name] = rows[name].take(places).array
    return result


def _parts(rows: pd.DataFrame, one: Resemblance, labels: Ints) -> Iterator[tuple[Ints, float]]:
    """Yield the places of rows whose numbers change places, and by how much these correlate."""
    rest = labels >= 0
    for label, correlation in one.by_label.items():
        here = (rows[one.label] == label).to_numpy(bool, na_value=False)
        rest &= ~here
        yield np.flatnonzero(here), correlation
    yield np.flatnonzero(rest), one.correlation


def _order(
    numbers: pd.Series[float],
    entity: Ints,
    labels: Ints,
    correlation: float,
    halves: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Return for each row the place of the number that it gets, so that they correlate as they should."""
    own = scores(numbers, labels)
    before = correlation_within(own, entity, labels)
    if before is None or before > correlation - GAIN:
        return np.arange(len(own))
    leaders = _lead(own, entity, labels, rng)
    noise = np.where(leaders.is_leader, rng.standard_normal(len(own)), own)
    low, high, target = 0.0, 1.0, own
    for _ in range(STEPS):
        weight = (low + high) / 2
        target = np.sqrt(weight) * leaders.score + np.sqrt(1 - weight) * noise
        level = correlation_within(_rank(target, labels), entity, labels)
        low, high = (weight, high) if level is None or level < correlation else (low, weight)
    return _sorted_like(own, target, labels * 2 + halves)


@dataclass(frozen=True, slots=True)
class _Leaders:
    """One row at random of each entity and label, whose score all of them follow."""

    is_leader: Mask
    score: Floats


def _lead(own: Floats, entity: Ints, labels: Ints, rng: np.random.Generator) -> _Leaders:
    present = np.flatnonzero(~np.isnan(own))
    order = present[rng.permutation(len(present))]
    groups = np.unique(np.stack([entity, labels]), axis=1, return_inverse=True)[1].ravel()
    first = np.full(groups.max(initial=-1) + 1, -1)
    first[groups[order]] = order
    is_leader = np.zeros(len(own), bool)
    is_leader[first[first >= 0]] = True
    leader = first[groups]
    return _Leaders(is_leader, np.where(leader >= 0, own[leader], np.nan))


def scores(values: pd.Series[float], labels: Ints) -> Floats:
    """Return normal scores of numbers among those of their label; NaN for NULL, and without a label."""
    numbers = values.to_numpy(np.float64, na_value=np.nan, copy=True)
    numbers[labels < 0] = np.nan
    return _rank(numbers, labels)


def _rank(numbers: NDArray[Any], labels: Ints) -> Floats:
    by_label = pd.Series(numbers).groupby(labels)
    ranks = by_label.rank(method="average").to_numpy()
    size = by_label.transform("count").to_numpy()
    return cast("Floats", ndtri((ranks - 0.5) / np.maximum(size, 1)))


def correlation_within(own: Floats, whom: Ints, labels: Ints) -> float | None:
    """Return the intraclass correlation of scores in groups of one entity and label, by analysis of variance.

    None where too few groups have several scores. Source: Donner, Int. Statistical Review 54 (1986), eq. 2.
    """
    present = ~np.isnan(own)
    frame = pd.DataFrame({"whom": whom[present], "label": labels[present], "score": own[present]})
    groups = frame.groupby(["whom", "label"])["score"].agg(["size", "mean", "var"])
    several = groups[groups["size"] > 1]
    if several["size"].sum() - len(several) < FEWEST_PAIRS or len(several) < 2 * RARE:
        return None
    sizes = several["size"].to_numpy(np.float64)
    within = float((several["var"] * (sizes - 1)).sum() / (sizes - 1).sum())
    mean = np.average(several["mean"], weights=sizes)
    between = float((sizes * (several["mean"] - mean) ** 2).sum() / (len(sizes) - 1))
    usual = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(sizes) - 1)
    total = between + (usual - 1) * within
    return float((between - within) / total) if total > 0 else None


def _sorted_like(own: Floats, target: Floats, strata: Ints) -> Ints:
    """Return for each row the place of its number: those of a stratum in the order of `target`."""
    places = np.arange(len(own))
    moves = np.flatnonzero(~np.isnan(target) & ~np.isnan(own))
    by_own = moves[np.lexsort((own[moves], strata[moves]))]
    by_wanted = moves[np.lexsort((target[moves], strata[moves]))]
    places[by_wanted] = by_own
    return places


def _is_number(values: pd.Series[float]) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return bool(numeric) and values.nunique() >= FEWEST_NUMBERS


def _labels(values: pd.Series[str]) -> Ints:
    """Return a number for each label, -1 for NULL."""
    return pd.factorize(values)[0].astype(np.int64)


def _one_label(rows: pd.DataFrame) -> Ints:
    return np.zeros(len(rows), np.int64)
