"""What one test says, in the few forms that a twin can be held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from synth.domain import Scope

if TYPE_CHECKING:
    from synth.domain import ForeignKey, RowCount

Constant: TypeAlias = "float | datetime"


class Effect(StrEnum):
    """What comes of a fact."""

    KEY = "new keys, each once"
    NOT_NULL = "never NULL"
    REFERENCE = "keys of the parent's twin"
    ROW = "rows that break it are drawn anew"
    TABLE = "checked before the twin is published"
    COUNT = "checked before anything is learned"
    SHAPE = "the twin has the columns and types of the source"


@dataclass(frozen=True, slots=True)
class ValueClaim:
    """What a test says of the values of one column, where these are constants.

    Attributes:
        column: folded name; the length of its values if `length`.
        low: the least value allowed, if there is one; excluded where `strictly`, like `high`.
        among: all values allowed, as text; None where any is.
        never: values not allowed.
        null: whether all values are (True) or none is (False) NULL.
    """

    column: str
    length: bool = False
    low: Constant | None = None
    high: Constant | None = None
    strictly: bool = False
    among: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    null: bool | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What one test says: a rule in SQL, or one of the facts that are known by their kind.

    Attributes:
        holds: SQL; see `Rule`.
        unique: columns whose combination is unique.
        not_null: a column without NULL.
        partial: whether the reference is stated of some rows only.
    """

    effect: Effect
    holds: str = ""
    scope: Scope = Scope.ROW
    by: str = ""
    unique: tuple[str, ...] = ()
    not_null: str = ""
    reference: ForeignKey | None = None
    partial: bool = False
    count: RowCount | None = None
    claims: tuple[ValueClaim, ...] = ()


def row(holds: str, *claims: ValueClaim) -> Statement:
    """Return every row must satisfy `holds`."""
    return Statement(Effect.ROW, holds, claims=claims)


def table(holds: str, *, by: str = "", scope: Scope = Scope.TABLE) -> Statement:
    """Return all rows together must satisfy `holds`, or each group of them."""
    return Statement(Effect.TABLE, holds, scope, by)


def constant(text: str | None) -> Constant | None:
    """Return the number or the moment that a SQL literal is; None for any other expression."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return moment(text.strip("'")) if text[:1] == text[-1:] == "'" else None
    return number if math.isfinite(number) else None


def moment(text: str) -> datetime | None:
    """Return the moment that a text in ISO 8601 is."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
