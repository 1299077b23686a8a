"""Relations of the warehouse, and what their columns are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """How a Postgres type is read, learned and written back."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    TIME = "time"
    INTERVAL = "interval"
    UUID = "uuid"
    TEXT = "text"
    OPAQUE = "opaque"  # everything else, carried as its text: json, arrays, bytea, ranges, …


MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})  # what has a place in a calendar


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view of the warehouse, by its unquoted names."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation as the catalog describes it; `data_type` is what `format_type` prints."""

    name: str
    data_type: str
    kind: Kind
    not_null: bool
    precision: int | None = None  # of numeric(p, s)
    scale: int | None = None  # of numeric(p, s) and money
    length: int | None = None  # of varchar(n) and char(n)
    bits: int | None = None  # of integers and floats
    base_type: str = ""  # of a domain, the type below it
    is_enum: bool = False

    @property
    def plain_type(self) -> str:
        """The type of the values as `format_type` prints it, where `data_type` may be a domain."""
        return self.base_type or self.data_type


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`column` holds values of `parent_column` in the model `parent`.

    Attributes:
        parent: its `unique_id`.
        test: the dbt test or constraint that says so; else what does, in a few words.
        orphans: the share of the values in use that the parent does not have.
        public: the parent is about nobody, so its keys may be repeated as they are.
        relation: of a public parent that has no twin.
        real_keys: the relation of a public parent in whose copy the keys are other ones.
        public_rows: the relation of any public parent.
    """

    column: str
    parent: str
    parent_column: str
    test: str
    orphans: float = 0.0
    public: bool = False
    relation: Relation | None = None
    real_keys: Relation | None = None
    public_rows: Relation | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What the SQL of a model makes of other tagged models, so that it can make the same of their twins.

    Mostly it chooses rows of one, and columns as they are; with a `query` it is all that a query gives.

    Attributes:
        parent: the `unique_id` of the other model.
        columns: each column of the model with the parent's, or the query's, that it is, in order.
        condition: SQL over these columns, of which nothing but Postgres' own runs; "" for all rows.
        words: the same, and the names of the parents, to read.
        others: further parents of a query.
        query: SQL over the parents, called `parent 1`, `parent 2` and so on, as harmless as the condition.
        lists: public relations that the query reads as they are, called `list 1` and so on.
    """

    parent: str
    columns: Mapping[str, str]
    condition: str
    words: str
    others: tuple[str, ...] = ()
    query: str = ""
    lists: tuple[Relation, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """All models that it is made of."""
        return (self.parent, *self.others)

    def __str__(self) -> str:
        return self.words
