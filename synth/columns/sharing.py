"""How the rows of a column share its values, which tells labels and counters from what is somebody's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.pii import NAMES, Detection, IdentifierKind, detect, read_beside
from synth.domain import RARE, Kind

if TYPE_CHECKING:
    from synth.domain import Column

COMMON_SHARE = 0.5  # share of rows that must hold such a common label before text counts as a category
UNCOUNTABLE = 2**62  # different values where nobody may count them
BIRTHS = frozenset({IdentifierKind.BIRTH})
# What columns may hold that are called so, where nobody may look, by their type.
KINDS_OF_NUMBERS = frozenset(
    {
        IdentifierKind.PHONE,
        IdentifierKind.SSN,
        IdentifierKind.CARD,
        IdentifierKind.NUMBER,
        IdentifierKind.POSTCODE,
    }
)
KINDS_BY_TYPE = {
    Kind.TEXT: frozenset(IdentifierKind) - BIRTHS,
    Kind.DATE: BIRTHS,
    Kind.TIMESTAMP: BIRTHS,
    Kind.TIMESTAMPTZ: BIRTHS,
}
FEW = 50  # different values that a column named as an identifier may have and still be a code of something


@dataclass(frozen=True)
class Values:
    """The values of a column, whose each of them is, if not the row's own, and what is beside the column."""

    rows: pa.ChunkedArray
    owners: pa.ChunkedArray | None = None
    beside: tuple[str, ...] = ()

    def content(self, column: Column) -> Detection | None:
        """Return what the column holds that leads to people, by its name and these values."""
        return detect(column, self.rows, self.beside)

    @cached_property
    def rows_share_values(self) -> bool:
        """Whether most values that are not NULL are held by at least `RARE` rows, or owners of rows."""
        present = len(self.rows) - self.rows.null_count
        if present == 0:
            return True
        value_counts = pc.value_counts(self.rows)
        labels, counts = value_counts.field("values"), value_counts.field("counts")
        holders = counts if self.owners is None else _holders(labels, self.rows, self.owners)
        common = pc.and_(pc.greater_equal(holders, RARE), pc.is_valid(labels))
        return bool((pc.sum(counts.filter(common)).as_py() or 0) >= COMMON_SHARE * present)

    @property
    def has_common(self) -> bool:
        """Whether some value is held by at least `RARE` rows, or owners of rows."""
        value_counts = pc.value_counts(self.rows)
        labels, counts = value_counts.field("values"), value_counts.field("counts")
        holders = counts if self.owners is None else _holders(labels, self.rows, self.owners)
        return pc.any(pc.and_(pc.greater_equal(holders, RARE), pc.is_valid(labels))).as_py() is True

    @cached_property
    def hardly_any(self) -> bool:
        """Whether fewer than `RARE` rows, or owners of rows, have a value, though some have."""
        present = self.rows.is_valid()
        holders = self.rows if self.owners is None else pc.unique(self.owners.filter(present))
        return bool(0 < len(holders) - holders.null_count < RARE)

    @cached_property
    def different(self) -> int:
        """How many different values there are."""
        return int(pc.count_distinct(self.rows).as_py())

    @cached_property
    def few(self) -> bool:
        """Whether values are shared, and so few that they stand for something other than people."""
        return self.different <= FEW and self.rows_share_values


@dataclass(frozen=True)
class HiddenValues(Values):
    """The values of a column that nobody may look at: what it holds is said by its name and its type."""

    def content(self, column: Column) -> Detection | None:
        """Return what the column is called as holding."""
        reading = read_beside(column.name, self.beside)
        if reading.what is None or (reading.what in NAMES and reading.thing):
            return None
        kinds_that_fit = (
            KINDS_OF_NUMBERS
            if column.kind in {Kind.INTEGER, Kind.DECIMAL}
            else KINDS_BY_TYPE.get(column.kind)
        )
        return Detection(reading.what, "name") if kinds_that_fit and reading.what in kinds_that_fit else None

    @cached_property
    def different(self) -> int:
        """Return a number that makes no column a code of few values."""
        return UNCOUNTABLE


def _holders(labels: pa.Array, values: pa.ChunkedArray, owners: pa.ChunkedArray) -> pa.Array:
    """Return how many owners each of the labels has."""
    table = (
        pa.table({"label": values, "owner": owners})
        .group_by("label")
        .aggregate([("owner", "count_distinct")])
    )
    places = pc.index_in(labels, table.column("label").combine_chunks())
    return table.column("owner_count_distinct").combine_chunks().take(places)
