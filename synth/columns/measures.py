"""Whole numbers that are somebody's own, and those that measure something."""

from __future__ import annotations

from math import exp, isqrt, lgamma, log
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import IDENTIFIERS, NUMBERS, Kind, split_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from synth.columns.sharing import Values
    from synth.domain import Column


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words by which a column says that it counts, measures or dates something.
MEASURES = _set(
    """
    t trend year years yr quarter month months week weeks day days date hour hours hr hrs minute minutes min
    second seconds sec time times ts timestamp epoch age ages duration period tenure seniority jahr
    monat tag datum alter stunde ano mes dia annee mois jour fecha edad amount amt total totals sum
    subtotal price prices cost costs fee fees charge revenue sales income salary wage wages pay earnings
    profit loss margin budget balance debt tax taxes discount value worth rent bonus turnover gdp gnp
    spend spending spent cents usd eur euro dollars preis betrag umsatz kosten gehalt precio importe
    prix montant count counts cnt qty quantity units frequency clicks hits likes votes followers
    population pop headcount deaths births menge anzahl cantidad quantite weight height length width
    depth size area distance miles km meters metres feet volume mass speed velocity temperature temp
    pressure humidity altitude elevation power energy force load capacity density calories bytes kb mb
    gb latency rate ratio pct percent percentage share score scores rating ratings grade points
    rank ranking position place level lap laps mileage odometer horsepower bmi pulse avg average mean
    median max maximum minimum std stddev var variance lag lead diff delta change growth lat lon
    latitude longitude gewicht groesse hoehe lohn einkommen verdienst miete salaire loyer revenu sueldo
    salario renta ingreso
    """
)
OF_THINGS = IDENTIFIERS | NUMBERS
FEWEST_NUMBERS = 20  # from which anything can be told
NEARLY = 0.05  # share of numbers that may repeat another's
SURELY = 1e-6  # chance that numbers drawn one by one repeat as seldom
PROBABLY = 1e-3  # the same of numbers that lie evenly, as hardly anything measured does
EVEN = 1.63  # Kolmogorov's bound of one in a hundred, by the root of the number
LONG = 5  # digits from which a number that is called one leads to somebody
MOST = 0.8  # share of the values that must be so long
EXACT = 2.0**53  # whole numbers that a float holds


def is_measure(name: str, vocabulary: Collection[str] = ()) -> bool:
    """Return whether a column is called as what is counted, measured or dated is."""
    words = split_words(name, vocabulary)
    return bool(MEASURES & {word.rstrip("0123456789") for word in words}) and not {words[-1]} & OF_THINGS


def whole_numbers(column: Column, values: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return the values that are not NULL where all are whole, whatever their type; None where one is not."""
    if column.kind not in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
        return None
    numbers: NDArray[Any] = values.drop_null().to_numpy()
    if numbers.dtype.kind != "f":
        return numbers.astype(np.int64)
    numbers = numbers[~np.isnan(numbers)]
    return (
        numbers.astype(np.int64)
        if ((np.abs(numbers) < EXACT) & (np.rint(numbers) == numbers)).all()
        else None
    )


def are_own(column: Column, values: Values) -> bool:
    """Return whether whole numbers are different among entities by construction, as identifiers are.

    Of numbers that are measured, some coincide where they lie close: of n that fall on d positions, about
    n²/2d pairs do. Where numbers lie so close and hardly any repeats, something made them differ. What lies
    on a grid, as numbers in steps of 37 do, is counted in its steps. Numbers dealt out at random lie
    evenly between the first and the last.
    """
    numbers = whole_numbers(column, _of_entities(values))
    if numbers is None or len(numbers) < FEWEST_NUMBERS:
        return False
    different = np.unique(numbers)
    repeats = len(numbers) - len(different)
    if not repeats:
        return _log_chance_of_none(different) < log(PROBABLY if lie_evenly(different) else SURELY)
    return repeats <= NEARLY * len(numbers) and _poisson(repeats, _coincidences(different)) < SURELY


def lie_evenly(different: NDArray[np.int64]) -> bool:
    """Return whether numbers, in order, are spread between the first and the last as a uniform draw is."""
    if len(different) < FEWEST_NUMBERS:
        return False
    places = (different - different[0]) / (different[-1] - different[0])
    return bool(np.abs(places - np.linspace(0, 1, len(places))).max() < EVEN / np.sqrt(len(places)))


def are_numbering(column: Column, values: Values) -> bool:
    """Return whether numbers that are called such are long, or different for each entity."""
    numbers = whole_numbers(column, _of_entities(values))
    if numbers is None or not len(numbers):
        return False
    long = float((np.abs(numbers) >= 10 ** (LONG - 1)).mean())
    return long >= MOST or (
        len(numbers) >= FEWEST_NUMBERS and len(np.unique(numbers)) >= (1 - NEARLY) * len(numbers)
    )


def _of_entities(values: Values) -> pa.ChunkedArray:
    """Return the values, of each entity every one once."""
    if values.owners is None:
        return values.rows
    pairs = pa.table({"value": values.rows, "owner": values.owners}).group_by(["value", "owner"])
    return pairs.aggregate([]).column("value")


def _coincidences(different: NDArray[np.int64]) -> float:
    """Return the expected number of equal pairs among numbers of this local density."""
    return sum(count * (count - 1) / 2 / positions for count, positions in _stretches(different))


def _log_chance_of_none(different: NDArray[np.int64]) -> float:
    """Return the logarithm of the chance that no two numbers of this local density are equal.

    Of n numbers on d positions it is d! / (d - n)! / dⁿ. Twenty on twenty positions are all different by
    construction, though only nine pairs are expected.
    """
    return sum(
        lgamma(positions + 1) - lgamma(positions - count + 1) - count * log(positions)
        for count, positions in _stretches(different)
    )


def _stretches(different: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield how many numbers there are in each stretch, and on how many positions of their grid."""
    step = int(np.gcd.reduce(np.diff(different))) if len(different) > 1 else 1
    size = max(FEWEST_NUMBERS // 2, isqrt(len(different)))
    for stretch in np.array_split(different, max(1, len(different) // size)):
        yield len(stretch), (int(stretch[-1]) - int(stretch[0])) // max(step, 1) + 1


def _poisson(most: int, mean: float) -> float:
    """Return the chance of at most so many events where so many are expected."""
    term = total = exp(-min(mean, 700.0))
    for count in range(1, most + 1):
        term *= mean / count
        total += term
        if count < mean and total > SURELY:
            break
    return total


def longest_common(numbers: pa.ChunkedArray) -> int:
    """Return the number of digits that nearly all of the numbers have; 0 where they differ."""
    present = numbers.drop_null()
    if not len(present):
        return 0
    digits = pc.utf8_length(pc.cast(pc.abs(pc.cast(present, pa.int64(), safe=False)), pa.string()))
    counts = pc.value_counts(digits)
    most = max(counts.to_pylist(), key=lambda one: one["counts"])
    return int(most["values"]) if most["counts"] >= (1 - NEARLY) * len(present) else 0
