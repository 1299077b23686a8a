"""What rows of other models say of a column: facts across the tables of one run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Way(StrEnum):
    """How a column follows from the rows of another model that belong to its row."""

    COPY = "copy"
    OWN = "own"  # a copy where there is a value at all
    COUNT = "count"
    SUM = "sum"
    LEAST = "min"
    MOST = "max"
    MEAN = "avg"
    FIRST = "first"
    LAST = "last"
    SOME = "existence"
    AMONG = "among"  # one of the values that the rows of another model have
    PART = "part"  # of what a row of another model has: the rows that belong to it add up to that
    TOTAL = "total"  # an expression over aggregates of the rows of another model
    FORMULA = "formula"  # over columns of the row and of the row of another model that it refers to
    DOMAIN = "domain"  # a mail address that ends with what the row of another model has
    DAY = "day"  # a moment on the day that the row of another model has
    AFTER = "after"  # a time that is never before that of the row of another model
    SO_FAR = "sum so far"  # of the rows of another model that are of one owner and not later
    RANK = "rank"  # among the rows of one key, by another column of the row
    NUMBER = "number"  # from 1 on among the rows of one key, in an order that the rows themselves have


@dataclass(frozen=True, slots=True)
class Derivation:
    """Where the values of a column come from, as the SQL of the project says.

    Attributes:
        root: the column where they arise: they are copied from there; or what an aggregate is over, "" for
            whole rows.
        way: how they follow from that.
        by: where the values of the key arise by which rows are grouped, for an aggregate.
        empty: whether a constant stands where there are no rows to aggregate.
        stands_for: where the values arise of which a key is the digest; "" for any other column.
    """

    root: str
    way: Way = Way.COPY
    by: str = ""
    empty: bool = False
    stands_for: str = ""


@dataclass(frozen=True, slots=True)
class LookupFormula:
    """A column as SQL over columns of its row and of a row of another relation, as the project's SQL has it.

    Attributes:
        sql: with the row as `one`, and the places of `roots` as columns of `other`.
        own: the columns of the row that it mentions.
        roots: where the values of the columns of the other row arise.
        by: where the key arises by which other rows are grouped; "" for one row that is referred to.
        sorts: those of `roots` by which rows are sorted, and that nothing is made of.
    """

    column: str
    sql: str
    own: tuple[str, ...]
    roots: tuple[str, ...]
    by: str = ""
    sorts: tuple[str, ...] = ()

    def over(self, names: Sequence[str]) -> str:
        """Return the SQL over columns of these names in the other row, one for each of `roots`."""
        text = self.sql
        for place, name in enumerate(names):
            quoted_name = name.replace('"', '""')
            text = text.replace(f'"other"."{place}"', f'"other"."{quoted_name}"')
        return text


@dataclass(frozen=True, slots=True)
class SharedTime:
    """When rows of two models are, so that those of one can be added up to the time of the other.

    Attributes:
        own: the column of the model that holds the time, or the key of the `parent` that has it.
        other: that of the other model.
        parent: the model to which both refer, by `unique_id`; "" where both have times of their own.
        key: the column of the parent that is referred to.
        time: its time.
        period: its column within whose values sums begin anew, such as a season; "" for none.
    """

    own: str
    other: str
    parent: str = ""
    key: str = ""
    time: str = ""
    period: str = ""


@dataclass(frozen=True, slots=True)
class Across:
    """A column of one model that rows of another say, in all real rows.

    A row of `model` and one of `other` belong together where `own` of the one equals `key` of the other; all
    rows do where these are "".

    Attributes:
        model: whose column it is, by `unique_id`.
        way: how it follows; for a copy there is one row of `other` at most.
        source: the column of `other`; "" for a count. Of SQL with rows called `one` and `other`, that.
        through: a model between the two, its key that `own` holds, and its column that holds `key`.
        order: the columns of `other` that say which row is the first, or that a formula mentions.
        sorts: those of `order` by which a formula sorts rows, and that nothing is made of.
        beside: the columns of `model` that a formula mentions.
        at: when rows are, for a sum so far.
        falls: whether the first of a rank is the one with the most.
        empty: what stands where no row belongs to one, as SQL; "" is NULL.
        when: a column of `model`, and the label of the rows that the fact is about; None for all rows.
        such: a column of `other`, and the label of the rows that one is chosen among; None for all rows.
    """

    model: str
    column: str
    way: Way
    other: str
    source: str
    own: str
    key: str
    through: tuple[str, str, str] | None = None
    order: tuple[str, ...] = ()
    empty: str = ""
    when: tuple[str, str] | None = None
    such: tuple[str, str] | None = None
    beside: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    at: SharedTime | None = None
    falls: bool = False

    @property
    def is_of_owner(self) -> bool:
        """Whether the rows of `other` that it is about belong to the row, as those of an owner do."""
        return not self.is_of_one_row and self.way not in {Way.SO_FAR, Way.RANK}

    @property
    def is_of_one_row(self) -> bool:
        """Whether at most one row of `other` belongs to each row."""
        return self.way in {Way.COPY, Way.OWN, Way.FORMULA, Way.DOMAIN, Way.DAY, Way.AFTER}

    @property
    def is_direct_copy(self) -> bool:
        """Whether the row that is copied from is the one that the row refers to."""
        return self.way is Way.COPY and self.through is None

    @property
    def mirror(self) -> Across:
        """The sum as what its parts add up to, and the other way round."""
        way = Way.PART if self.way is Way.SUM else Way.SUM
        return Across(
            self.other, self.source, way, self.model, self.column, self.key, self.own, empty=self.empty
        )

    @property
    def parties(self) -> frozenset[str]:
        """The models whose rows it is about."""
        between = [self.through[0]] if self.through else []
        return frozenset(
            {self.model, self.other, *between, *([self.at.parent] if self.at and self.at.parent else [])}
        )

    def __str__(self) -> str:
        """Return the fact in a few words."""
        other = self.other.rpartition(".")[2]
        name = f"{self.model.rpartition('.')[2]}.{self.column}"
        if self.way is Way.AMONG:
            which = f" with its {self.own}" if self.own else ""
            some = f" in rows of one {self.when[0]}" if self.when else ""
            such = f" and {self.such[0]} {self.such[1]}" if self.such else ""
            return f"{name} is one of the {self.source} of {other}{which}{such}{some}"
        if self.way in {Way.PART, Way.RANK, Way.SO_FAR}:
            return f"{name} {self._of_many(other)}"
        if self.way in {Way.COPY, Way.OWN, Way.DOMAIN, Way.DAY, Way.AFTER}:
            hows = {Way.DOMAIN: "at ", Way.DAY: "on ", Way.AFTER: "never before ", Way.OWN: "NULL or "}
            how = hows.get(self.way, "")
            return f"{name} is {how}{other}.{self.source}"
        if self.way is Way.TOTAL:
            columns = f"the {' and '.join(self.order)} of " if self.order else ""
            return f"{name} is computed of {columns}its {other}"
        if self.way is Way.FORMULA:
            return f"{name} is computed with {' and '.join(self.order)} of {other}"
        rows = f"the {self.source} of its {other}" if self.source else f"its {other}"
        return f"{name} is the {self.way} of {rows}"

    def _of_many(self, other: str) -> str:
        """Return what the column does, among the rows of its model or beside those of another one."""
        if self.way is Way.PART:
            return f"adds up to the {self.source} of its {other}"
        if self.way is Way.RANK:
            return f"ranks rows of one {self.own} by {self.source}"
        rows = f"the {self.source} of its {other}" if self.source else f"its {other}"
        such = f" with {self.such[0]} {self.such[1]}" if self.such else ""
        again = f" of one {self.at.period}" if self.at and self.at.period else ""
        return f"adds up {rows}{such}{again} so far"
