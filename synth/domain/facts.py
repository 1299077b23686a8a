"""What the tests and constraints of a model state: conditions, numbers of rows, and what comes of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Scope(StrEnum):
    """What a rule is about."""

    ROW = "row"  # each row on its own
    WINDOW = "window"  # each row among the others
    TABLE = "table"  # all rows together


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition in SQL that a test or constraint states; only what makes it false breaks it, not NULL.

    Attributes:
        source: the name of the test or constraint.
        holds: SQL over the columns; with window functions or aggregates, as `scope` says.
        where: the rows it is about, "" for all; already part of `holds` where the scope is a row.
        by: what rows are grouped by, "" for nothing; of the scope TABLE only.
        sets: columns, by their folded names, and the SQL that each is made equal to by the rule.
    """

    source: str
    holds: str
    scope: Scope = Scope.ROW
    where: str = ""
    by: str = ""
    sets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Formula:
    """A column that the SQL of its model computes from others.

    Attributes:
        sql: over the columns of the model, quoted.
        scope: of which rows it reads columns: its own, or others by windows, too.
        is_complete: whether the SQL says that it holds: its windows saw the rows that there are in the end.
    """

    column: str
    sql: str
    scope: Scope = Scope.ROW
    is_complete: bool = True

    @property
    def rule(self) -> Rule:
        """The condition that every row is as the formula says, NULL included."""
        name = '"' + self.column.replace('"', '""') + '"'
        holds = f"{name} is not distinct from ({self.sql})"
        return Rule(f"the SQL of {self.column}", holds, self.scope, sets=((self.column, self.sql),))


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows a test wants: from `low` to `high`, in multiples of those of `other` if that is given.

    Attributes:
        strictly: the bounds are excluded.
    """

    source: str
    low: float = 0.0
    high: float = float("inf")
    other: str = ""  # unique_id
    strictly: bool = False


@dataclass(frozen=True, slots=True)
class PublicValues:
    """What may be known of a column's values without looking at them: labels, bounds, or a pattern.

    Attributes:
        labels: all values that there are, as text; empty where they are not known.
        low: the least value; a number, or a moment.
        source: the test or declaration that says so.
        pattern: a regular expression that all text matches; empty where none is known.
    """

    column: str
    labels: tuple[str, ...] = ()
    low: float | datetime | None = None
    high: float | datetime | None = None
    source: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a test or constraint says of a model, and what comes of it.

    Attributes:
        source: the name of the test or constraint.
        kind: what sort it is.
        effect: on the twin, or why there is none.
        unique: columns that it calls unique together.
        not_null: a column that it says is never NULL.
    """

    source: str
    kind: str
    effect: str
    is_used: bool = True
    unique: tuple[str, ...] = ()
    not_null: str = ""


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """A key or unique index of a relation.

    Attributes:
        columns: that it is about.
        keys: SQL of which the combination is unique: names of columns, or what is computed from them.
        where: SQL that says of which rows; "" for all.
        nulls_equal: whether NULL is like NULL.
        is_computed: whether one of `keys` is more than a column.
    """

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    where: str = ""
    nulls_equal: bool = False
    is_primary: bool = False
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class ProjectTest:
    """A test of the dbt project, generic or singular, that reads a model.

    Attributes:
        fqn: its name with the folders it stands in, by which dbt selects it.
        parents: every node that it reads, by `unique_id`.
        attached_node: the node that it is declared on; "" for a singular test.
        column: of that node, if it is about one.
        stores_failures: whether dbt writes the rows that fail into a table.
        fresh: whether it compares the newest row with the clock.
        meets_others: whether it is a query that brings rows of a model together with others.
    """

    unique_id: str
    name: str
    fqn: tuple[str, ...]
    parents: tuple[str, ...]
    attached_node: str = ""
    column: str | None = None
    stores_failures: bool = False
    fresh: bool = False
    meets_others: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The columns by which a dbt snapshot keeps versions.

    Attributes:
        key: whose versions they are.
        start: since when a version is so.
        end: until when.
        far_end: an open version has a day far away for its end, not NULL.
    """

    key: tuple[str, ...]
    start: str
    end: str
    far_end: bool = False

    @property
    def whose(self) -> str | None:
        """The key, if it is one column."""
        return self.key[0] if len(self.key) == 1 else None
