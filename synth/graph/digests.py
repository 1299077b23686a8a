"""Keys that are digests of another column, as `dbt_utils.generate_surrogate_key` makes them of ids.

A fact often holds the digest alone, and what is calculated upstream of it goes by the id. Where the key of
the table that it refers to is made in the same form, and that table has the id, the digest tells it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.graph.lineage import root
from synth.graph.origins import ColumnRef, Expression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import ForeignKey, Model
    from synth.graph.origins import NodeLineage

FUNCTIONS = re.compile(r"\b(?:MD5|SHA\d*|HASHTEXT(?:EXTENDED)?)\(", re.IGNORECASE)
COLUMN = "?"  # stands for the column in the form of a digest
LITERAL, WORD = re.compile(r"'((?:[^']|'')*)'"), re.compile(r"[^\W\d_]{3,}")
NOTHING = "null"  # in what stands for NULL, such as `_dbt_utils_surrogate_key_null_`


@dataclass(frozen=True, slots=True)
class Digest:
    """A column that is computed of one other, so that equal digests mean equal values.

    Attributes:
        form: its SQL, without the name of that column.
        source: where the values of that column arise.
    """

    form: str
    source: ColumnRef

    @property
    def says_what(self) -> bool:
        """Whether its form names what the key is of, as `md5('donor' || id)` does: other keys have others."""
        words = [text.lower() for text in LITERAL.findall(self.form) if NOTHING not in text.lower()]
        return any(WORD.search(text) for text in words)


@dataclass(frozen=True, slots=True)
class ToldColumn:
    """A column that rows do not hold, but the row that a key of theirs leads to does."""

    key: ForeignKey
    column: str


def digest_of(lineages: Mapping[str, NodeLineage], column: ColumnRef) -> Digest | None:
    """Return what a column is a digest of; None where it is none of a single column."""
    first = root(lineages, column)
    origin = lineages[first.node].columns.get(first.column) if first.node in lineages else None
    if not isinstance(origin, Expression) or len(origin.sources) != 1 or not FUNCTIONS.search(origin.sql):
        return None
    source = origin.sources[0]
    return Digest(origin.sql.replace(str(source), COLUMN), root(lineages, source))


def are_of_one_form(lineages: Mapping[str, NodeLineage], *columns: ColumnRef) -> bool:
    """Return whether columns are digests that are made in one form, which names what they are keys of."""
    digests = [digest_of(lineages, column) for column in columns]
    forms = {one.form if one and one.says_what else "" for one in digests}
    return len(forms) == 1 and "" not in forms


def told_by_key(model: Model, wanted: ColumnRef, lineages: Mapping[str, NodeLineage]) -> ToldColumn | None:
    """Return by which key a model's rows tell a column of the relation whose rows they are, if one does."""
    place = root(lineages, wanted)
    for key in model.foreign_keys:
        ours = digest_of(lineages, ColumnRef(model.unique_id, key.column))
        theirs = digest_of(lineages, ColumnRef(key.parent, key.parent_column))
        if ours is None or theirs is None or ours.form != theirs.form or ours.source != place:
            continue
        for name in lineages[key.parent].columns:
            if root(lineages, ColumnRef(key.parent, name)) == theirs.source:
                return ToldColumn(key, name)
    return None
