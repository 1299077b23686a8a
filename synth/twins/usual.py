"""Where numbers mostly are by what their column is called, for those that no noisy count can find.

Names are public. Ends are powers of two, as the bins are in which numbers are looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Kind, plain_words

if TYPE_CHECKING:
    from synth.domain import Column

ANY = 0.5, 2.0**16
SHARES = frozenset(
    {"rate", "ratio", "share", "fraction", "probability", "discount", "apr", "quote", "taux", "tasa"}
)
SHARES |= {"pct", "percent", "percentage", "satz", "anteil"}
PERCENTS = 0.5, 2.0**7
FRACTIONS = 2.0**-10, 1.0
DECIMALS_OF_FRACTIONS = 3  # from which a share is hardly a percentage
COUNTS = frozenset({"count", "cnt", "qty", "quantity", "units", "anzahl", "menge", "cantidad", "quantite"})
LEADING_COUNTS = frozenset({"n", "num", "nb", "nr"})  # as in `n_rooms`
FEW = 0.5, 2.0**6
# The last word of a name, and where numbers that are called so mostly are.
BY_WORD = {
    "year": (2.0**10, 2.0**11),
    "years": (0.5, 2.0**6),
    "month": (0.5, 2.0**4),
    "months": (0.5, 2.0**7),
    "weeks": (0.5, 2.0**7),
    "day": (0.5, 2.0**5),
    "days": (0.5, 2.0**9),
    "hour": (0.5, 2.0**5),
    "hours": (0.5, 2.0**6),
    "minutes": (0.5, 2.0**9),
    "age": (0.5, 2.0**7),
    "rating": (0.5, 2.0**3),
    "stars": (0.5, 2.0**3),
    "score": (0.5, 2.0**7),
    "points": (0.5, 2.0**7),
    "grade": (0.5, 2.0**4),
}


def usual_range(column: Column) -> tuple[float, float]:
    """Return between which numbers above zero the values of a column mostly are, by its name."""
    words = plain_words(column.name)
    last = words[-1] if words else ""
    if last in SHARES and column.kind is not Kind.INTEGER:
        has_few_decimals = column.scale is not None and column.scale < DECIMALS_OF_FRACTIONS
        return PERCENTS if has_few_decimals else FRACTIONS
    if last in COUNTS or (words[:1] and words[0] in LEADING_COUNTS):
        return FEW
    return PERCENTS if last in SHARES else BY_WORD.get(last, ANY)
