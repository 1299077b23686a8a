"""What nearly every entity keeps to in a column: edges of months, working days, steps of numbers.

Each entity is of one kind in each question, so one more or less moves one count by one, however many rows it
has; and an entity that keeps a rule in all of its rows tells more than a row does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.guarantee.cells import tally
from synth.guarantee.domains import amount_of, amounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from synth.guarantee.domains import ColumnDomain
    from synth.guarantee.noise import Mechanisms

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DAYS, WORKING_DAYS = 7, 5
DAYS_OF_HALF_A_MONTH = 15
MONDAY = 4  # day 0 is a Thursday
DAY = 86_400_000_000  # microseconds
# Steps that numbers with so many decimals may have, in units of the last one; each divides the next.
STEPS = {0: (5, 10, 50, 100, 500, 1_000), 1: (5, 10, 50, 100), 2: (5, 25, 50, 100, 500, 1_000)}
LARGEST = 2.0**53
# In standard deviations of the noise: entities that may seem to break a rule, and that must keep it.
SELDOM, OFTEN = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Regularity:
    """The days of the week, from 0 for Monday, of a column of days, or the step of a column of numbers.

    `firsts` says that all days are the first of their month, `lasts` that they are the last.
    """

    column: str
    days: tuple[int, ...] = ()
    step: int = 0
    firsts: bool = False
    lasts: bool = False


def questions(domains: Mapping[str, ColumnDomain]) -> tuple[str, ...]:
    """Return the columns that are asked about; public."""
    return tuple(
        name
        for name, domain in domains.items()
        if not domain.passing
        and (
            (domain.kind == "datetime" and domain.unit == "D") or (domain.kind == "number" and _steps(domain))
        )
    )


def measured_regularities(
    frame: pd.DataFrame,
    entities: Ints,
    domains: Mapping[str, ColumnDomain],
    mechanisms: Mechanisms,
    rho: float,
    rows: float,
) -> tuple[Regularity, ...]:
    """Return what nearly every entity keeps to, by noisy numbers of entities.

    Nothing is asked, and nothing paid, where so few rows are there that no answer could be sure.

    Args:
        frame: the rows that are used.
        entities: whose each row is.
        domains: of the columns.
        mechanisms: whose contribution is in rows.
        rho: the loss for all questions together.
        rows: how many rows there are, by a noisy count.
    """
    names = questions(domains)
    alone = mechanisms.with_contribution(1)
    deviation = alone.scale(rho / len(names)) if names else np.inf
    if rows / mechanisms.contribution < OFTEN * deviation:
        return ()
    regularities = []
    for name in names:
        domain, values = domains[name], frame[name]
        if domain.kind == "number":
            kinds, number = _kinds_of_steps(values, entities, domain), 1 + len(_steps(domain))
        else:
            one_row = mechanisms.contribution == 1
            number = DAYS + 2 if one_row else DAYS + 4
            kinds = _kinds_of_days(values, entities, one_row=one_row)
        noisy = alone.counts(f"{name}: regularities", tally(kinds, number), rho / len(names))
        find = _step if domain.kind == "number" else _days
        regularities += find(name, noisy, deviation, domain)
    return tuple(regularities)


def _steps(domain: ColumnDomain) -> tuple[int, ...]:
    return domain.steps or STEPS.get(-1 if domain.decimals is None else domain.decimals, ())


def _kinds_of_days(values: pd.Series, entities: Ints, *, one_row: bool) -> Ints:
    """Return of each entity the day of the week on which all of its days are.

    Where entities may have several rows, two kinds come before: those of several days, without a weekend and
    with one. The last kinds are those all of whose days are firsts of months, and those of lasts.
    """
    times = amounts(values, "datetime")
    present = ~np.isnan(times)
    days, firsts = _week_days(times[present]), _are_firsts(times[present])
    lasts = _are_firsts(times[present] + DAY)
    if one_row:
        return np.where(firsts, DAYS, np.where(lasts, DAYS + 1, days))
    rows = pd.DataFrame({"day": days, "weekend": days >= WORKING_DAYS, "first": firsts, "last": lasts})
    by_entity = rows.groupby(entities[present])
    kinds, day = by_entity["weekend"].max().astype(np.int64), by_entity["day"].max()
    kinds = kinds.mask(day == by_entity["day"].min(), 2 + day)
    kinds = kinds.mask(by_entity["first"].min(), DAYS + 2).mask(by_entity["last"].min(), DAYS + 3)
    return kinds.to_numpy().astype(np.int64)


def _are_firsts(times: Floats) -> Bools:
    """Return which moments in microseconds since 1970 are on the first day of a month."""
    days = np.floor(times / DAY).astype(np.int64).astype("M8[D]")
    are_firsts: Bools = days == days.astype("M8[M]")
    return are_firsts


def _kinds_of_steps(values: pd.Series, entities: Ints, domain: ColumnDomain) -> Ints:
    """Return of each entity how many of the steps divide all of its numbers; without others than 0, none."""
    numbers = amounts(values, "number")
    units = np.clip(np.nan_to_num(np.rint(numbers * 10.0 ** (domain.decimals or 0))), -LARGEST, LARGEST)
    used = units != 0
    if not used.any():
        return np.zeros(0, np.int64)
    order = np.argsort(entities[used], kind="stable")
    whole, whose = np.abs(units[used][order]).astype(np.int64), entities[used][order]
    divisors = np.gcd.reduceat(whole, np.flatnonzero(np.diff(whose, prepend=whose[0] - 1)))
    divides = np.array([divisors % step == 0 for step in _steps(domain)])
    return np.asarray(divides.sum(axis=0), np.int64)


def _is_rule(noisy: Floats, keeps: Bools, deviation: float) -> bool:
    """Return whether the kinds that keep a rule stand out from the noise, and the others do not at all.

    Kinds that hardly anybody is of bring noise and no entities: the fullest ones may stand out alone.
    """
    fullest = np.cumsum(np.sort(noisy[keeps])[::-1])
    is_often = (fullest > OFTEN * deviation * np.sqrt(np.arange(1, len(fullest) + 1))).any()
    return bool(is_often and float(noisy[~keeps].sum()) < SELDOM * deviation * np.sqrt((~keeps).sum()))


def _days(name: str, noisy: Floats, deviation: float, _: ColumnDomain) -> list[Regularity]:
    """Return the days of a column, if they are a rule."""
    if _is_rule(noisy, np.arange(len(noisy)) == len(noisy) - 2, deviation):
        return [Regularity(name, firsts=True)]
    if _is_rule(noisy, np.arange(len(noisy)) == len(noisy) - 1, deviation):
        return [Regularity(name, lasts=True)]
    noisy = noisy[:-2]  # a few such days by chance speak neither for days of the week nor against them
    day = np.arange(len(noisy)) - (len(noisy) - DAYS)  # below zero for several days
    fullest = int(np.argmax(noisy[day >= 0]))
    if _is_rule(noisy, day == fullest, deviation):
        return [Regularity(name, days=(fullest,))]
    working = (day == -2) | ((day >= 0) & (day < WORKING_DAYS))  # noqa: PLR2004 - without a weekend
    if _is_rule(noisy, working, deviation):
        return [Regularity(name, days=tuple(range(WORKING_DAYS)))]
    return []


def _step(name: str, noisy: Floats, deviation: float, domain: ColumnDomain) -> list[Regularity]:
    """Return the largest step of a column that is a rule."""
    for place, step in reversed(list(enumerate(_steps(domain), 1))):
        if _is_rule(noisy, np.arange(len(noisy)) >= place, deviation):
            return [Regularity(name, step=step)]
    return []


def with_regularity(
    values: pd.Series, rule: Regularity, domain: ColumnDomain, random: np.random.Generator
) -> pd.Series:
    """Return a column of a twin that keeps a rule: numbers at the nearest step, days at the nearest such."""
    if rule.firsts or rule.lasts:
        return _on_edges(values, domain, ahead=float(rule.lasts) * DAY)
    if rule.days:
        return _on_days(values, rule.days, domain, random)
    decimals = domain.decimals or 0
    step = rule.step * 10.0**-decimals
    numbers = amounts(values, "number")
    steps = np.rint(numbers / step)
    steps = np.where(steps == 0, np.sign(numbers), steps)  # what is not nothing stays so
    return (
        pd.Series(np.round(steps * step, decimals), index=values.index).astype("Float64").astype(values.dtype)
    )


def _on_edges(values: pd.Series, domain: ColumnDomain, ahead: float) -> pd.Series:
    """Return days at the nearest moment so far ahead of a month within the bounds, if there is one."""
    times = amounts(values, "datetime")
    middle = np.nan_to_num(times) + ahead + DAYS_OF_HALF_A_MONTH * DAY
    months = middle.astype(np.int64).astype("M8[us]").astype("M8[M]")
    for is_outside, move in _beyond(domain, -1, 1):
        months = np.where(is_outside(_microseconds(months) - ahead), months + move, months)
    return _moments(np.where(np.isnan(times), np.nan, _microseconds(months) - ahead), values)


def _on_days(
    values: pd.Series, days: tuple[int, ...], domain: ColumnDomain, random: np.random.Generator
) -> pd.Series:
    times = amounts(values, "datetime")
    today = _week_days(np.nan_to_num(times))
    other_days = np.array(days)[random.integers(0, len(days), len(values))]
    times = times + np.where(np.isin(today, days), 0, other_days - today) * DAY
    for is_outside, move in _beyond(domain, -DAYS, DAYS):
        times = np.where(is_outside(times), times + move * DAY, times)
    return _moments(times, values)


def _beyond(domain: ColumnDomain, back: int, on: int) -> list[tuple[Callable[[Floats], Bools], int]]:
    """Return what tells moments beyond a bound, and how far these move, for each bound that there is."""
    ways: list[tuple[Callable[[Floats], Bools], int]] = []
    if domain.high is not None:
        ways.append((partial(np.less, amount_of(domain.high, "datetime")), back))
    if domain.low is not None:
        ways.append((partial(np.greater, amount_of(domain.low, "datetime")), on))
    return ways


def _microseconds(months: NDArray[np.datetime64]) -> Floats:
    return months.astype("M8[us]").astype(np.int64).astype(np.float64)


def _moments(times: Floats, like: pd.Series) -> pd.Series:
    """Return microseconds since 1970, NaN for NULL, as moments of the type and the rows of another column."""
    moments = np.nan_to_num(times).astype(np.int64).astype("M8[us]")
    moments[np.isnan(times)] = np.datetime64("NaT")
    column = pd.Series(moments, index=like.index)
    zone = getattr(like.dtype, "tz", None)
    column = column if zone is None else column.dt.tz_localize("UTC").dt.tz_convert(zone)
    return column.astype(like.dtype)


def _week_days(times: Floats) -> Ints:
    """Return the day of the week of moments in microseconds since 1970, from 0 for Monday."""
    return ((np.floor(times / DAY).astype(np.int64) - MONDAY) % DAYS).astype(np.int64)
