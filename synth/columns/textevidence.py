"""Finds out how the text of a column is written, where text that means something else would not look so."""

from __future__ import annotations

import re
from math import log as ln
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.forms import EARLIEST, LATEST, SURELY, are_days
from synth.columns.measures import is_measure
from synth.columns.textforms import HOURS, SIXTY, TextForm, TextKind
from synth.domain import Kind, is_identifier, is_numbering, plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from synth.domain import Column

    Texts = pd.Series[Any]

SAMPLE = 200  # texts that are tried first
FEWEST_DAYS = 5  # of random digits hardly so many would all be days
FEWEST_NUMBERS = 20  # different ones with a sign
HALF = "6"  # first decimal from which there must be some: below could be minutes, months, counts
FEWEST_DECIMALS = 3  # different first decimals
DAY_SHARE = 365.25 / 100**2  # of four digits that are a month and a day
SIXTY_SHARE = 0.6  # of two digits
NO_ZERO = 0.9  # share of codes that do not begin with 0
DATE = re.compile(
    r"(?P<first>[0-9]{1,4})(?P<mark>[-./])[0-9]{1,2}(?P=mark)(?P<last>[0-9]{1,4})"
    r"(?:(?P<between>[ T])[0-9]{1,2}:[0-9]{2}(?P<seconds>:[0-9]{2}(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
EIGHT = re.compile(r"[0-9]{8}")
SPAN = re.compile(r"[0-9]{1,3}:[0-9]{2}(?P<third>:[0-9]{2})?(?:(?P<point>[.,])(?P<fraction>[0-9]{1,6}))?")
MONEY = "$€£¥₹₽₺₩₪฿₫₴₦"
UNITS = "kg|mg|km|cm|mm|ml|ms|min|kWh|MWh|kW|MW|kB|MB|GB|TB|bar|hPa|m²|m³|km²"
NUMBER = re.compile(
    rf"-?(?P<before>(?:[{MONEY}]|[A-Z]{{3}}(?= )) ?)?"
    r"(?P<whole>[0-9]{1,3}(?:(?P<group>[., '])[0-9]{3})(?:(?P=group)[0-9]{3})*|[0-9]+)"
    r"(?P<point>[.,])(?P<decimals>[0-9]{1,10})"
    rf"(?P<behind> ?(?:[{MONEY}%‰°]|°[CF]|[A-Z]{{3}}|{UNITS})| [a-zA-Z])?"
)
# Columns that are called so hold codes which look like numbers.
CODES = frozenset(
    "version versions release releases build code codes chapter section paragraph level ip".split()  # noqa: SIM905
)


def text_form(column: Column, values: pa.ChunkedArray, *, is_common: bool = False) -> TextForm | None:
    """Return the form in which all text of a column is written; None where it could mean something else.

    Args:
        column: of text.
        values: of it.
        is_common: whether most rows share theirs: plain numbers with decimals may be labels then.
    """
    if column.kind is not Kind.TEXT or column.is_enum or not pa.types.is_string(values.type):
        return None
    texts: Texts = values.drop_null().unique().to_pandas()
    if len(texts) < FEWEST_DAYS:
        return None
    some = texts.iloc[:: max(len(texts) // SAMPLE, 1)]
    for form in (*_dates(texts), *_spans(texts)):
        if _writes(form, some) and _writes(form, texts) and _is_evident(form, texts):
            return form
    if is_identifier(column.name) or is_numbering(column.name) or CODES & {*plain_words(column.name)}:
        return None
    number = _number(texts)
    if number is None or not (_writes(number, some) and _writes(number, texts)):
        return None
    return number if _is_number(number, texts, column, is_common=is_common) else None


def _writes(form: TextForm, texts: Texts) -> bool:
    """Return whether all texts are read and come back as they were."""
    learned_values = form.read(pa.chunked_array([pa.array(texts, pa.string())]))
    if learned_values.isna().any():
        return False
    return bool((form.write(learned_values).to_numpy() == texts.to_numpy()).all())


def _dates(texts: Texts) -> Iterator[TextForm]:
    """Yield the ways in which days and moments may be written; two orders of day and month cannot be told."""
    first = texts.iloc[0]
    if EIGHT.fullmatch(first):
        yield TextForm(TextKind.MOMENT, "YYYYMMDD")
    match = DATE.fullmatch(first)
    if match is None:
        return
    mark, time = match["mark"], ""
    if match["between"]:
        time = "HH:MM" + (":SS" if match["seconds"] else "")
        time += "." + "f" * len(match["fraction"]) if match["fraction"] else ""
    orders: list[tuple[str, ...]] = [("YYYY", "MM", "DD")]
    if len(match["last"]) == 4:  # noqa: PLR2004 - digits of a year
        orders = [("DD", "MM", "YYYY"), *([("MM", "DD", "YYYY")] if mark != "." else [])]
        orders = [one for one in orders if _is_month(texts, one.index("MM"), mark)]
    for order in orders:
        for short in (False, True):
            day = mark.join(part[0] if short and part != "YYYY" else part for part in order)
            for hours in (time, time[1:]) if time else ("",):
                layout = f"{day}{match['between'] or ''}{hours}"
                yield TextForm(TextKind.MOMENT, layout, behind=match["zone"] or "")


def _is_month(texts: Texts, month: int, mark: str) -> bool:
    """Return whether one part of dates is the month: the other is no month, or the first of it alone."""
    parts = texts.str.split(mark, regex=False)
    others = pd.to_numeric(parts.str[1 - month], errors="coerce")
    return bool((others > 12).any() or others.eq(others.iloc[0]).all())  # noqa: PLR2004 - months


def _spans(texts: Texts) -> Iterator[TextForm]:
    """Yield the way in which times of the day, or lengths of time, may be written."""
    match = SPAN.fullmatch(texts.iloc[0])
    fronts = texts.str.extract(r"^([0-9]{1,3}):", expand=False)
    if match is None or fronts.isna().any():
        return
    fraction = match["point"] + "f" * len(match["fraction"]) if match["fraction"] else ""
    rest = ":MM:SS" if match["third"] else ":SS" if fraction else ":MM"
    front, limit = ("M", SIXTY) if rest == ":SS" else ("H", HOURS)
    size = 1 if (fronts.str.len() == 1).any() else 2
    most = limit if (fronts.astype("int64") < limit).all() else 0
    yield TextForm(TextKind.SPAN, front * size + rest + fraction, most=most)


def _is_evident(form: TextForm, texts: Texts) -> bool:
    """Return whether so many different texts would not all be times, or days, if that were by chance."""
    digits = texts.str.replace(r"\D", "", regex=True)
    if form.layout == "YYYYMMDD":
        return are_days(np.sort(digits.to_numpy(np.int64)))
    if form.is_date:
        years = texts.str.extract(r"([0-9]{4})", expand=False)
        usual = EARLIEST <= float(years.astype("int64").median()) < LATEST
        return usual and len(texts) * ln(DAY_SHARE) < ln(SURELY)
    if form.layout.count(":") > 1 or "f" in form.layout:  # nothing else is written so, whatever it is of
        return len(texts) * ln(SIXTY_SHARE) < ln(SURELY)
    numbers = np.unique(digits.to_numpy(np.int64))
    numbers = numbers[numbers >= 100]  # noqa: PLR2004 - below, there is nothing before the colon
    if len(numbers) < 2:  # noqa: PLR2004 - nothing between
        return False
    step = max(int(np.gcd.reduce(numbers)), 1)
    share = float((np.arange(numbers[0], numbers[-1] + 1, step) % 100 < SIXTY).mean())
    return share < 1 and len(numbers) * ln(share) < ln(SURELY)


def _number(texts: Texts) -> TextForm | None:
    """Return the way in which numbers with decimals may be written, by the longest of them."""
    longest = NUMBER.fullmatch(texts.iloc[int(texts.str.len().to_numpy().argmax())])
    if longest is None or longest["group"] == longest["point"]:
        return None
    group, zeros = longest["group"], "0" * len(longest["decimals"])
    layout = f"{f'1{group}000' if group else '0'}{longest['point']}{zeros}"
    wholes = _halves(texts)[0].str.len()
    return TextForm(
        TextKind.NUMBER,
        layout,
        before=longest["before"] or "",
        behind=longest["behind"] or "",
        most=0 if wholes.isna().any() else int(wholes.max()),
        has_sign=bool(texts.str.startswith("-").any()),
    )


def _halves(texts: Texts) -> tuple[Texts, Texts]:
    """Return the digits before the point, and those behind it."""
    parts = texts.str.extract(r"([0-9][0-9., ']*)[.,]([0-9]+)")
    return parts[0].str.replace(r"\D", "", regex=True), parts[1]


def _is_number(form: TextForm, texts: Texts, column: Column, *, is_common: bool) -> bool:
    """Return whether texts of the form measure something, and are no codes, versions or times.

    A currency, a percent sign or separate thousands say so. Else the decimals must be spread as those of
    codes and times are not, and the digits before them of several lengths, without a zero at the front; or
    some numbers are below 0, or the column is called a measure.
    """
    if len(texts) < FEWEST_NUMBERS:
        return False
    if form.before or form.behind or not form.layout.startswith("0"):
        return True
    wholes, decimals = _halves(texts)
    first, is_called_so = decimals.str[0], is_measure(column.name)
    if first.nunique() < FEWEST_DECIMALS or first.max() < HALF or (is_common and not is_called_so):
        return False
    if form.has_sign or is_called_so:
        return True
    if decimals.str.len().iloc[0] == 1:  # as minor versions have
        return False
    lengths = wholes.str.len()
    differ = bool(lengths.ne(lengths.iloc[0]).any())
    return differ and int((lengths > 1).sum()) * ln(NO_ZERO) < ln(SURELY)
