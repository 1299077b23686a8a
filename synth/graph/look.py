"""What the catalog and the values of one relation say, before it is compared with others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from synth.columns.pii import IdentifierKind, detect, read_name
from synth.domain import Kind, Role, is_identifier
from synth.errors import ManifestError, WarehouseError
from synth.graph.events import period_columns
from synth.graph.unclear import unclear_columns
from synth.graph.words import is_somebody
from synth.project.manifest import relation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Column, Model, Relation
    from synth.project.manifest import Node
    from synth.warehouse import Warehouse
    from synth.warehouse.values import ValueCounts

SAMPLE = 2_000  # rows whose values are looked at for what leads to people
KEY_KINDS = frozenset({Kind.INTEGER, Kind.TEXT, Kind.UUID})  # what keys are made of
# What is somebody's own, and what leads to somebody all the same.
PERSONAL = frozenset(
    {
        IdentifierKind.EMAIL,
        IdentifierKind.BIRTH,
        IdentifierKind.FIRST_NAME,
        IdentifierKind.LAST_NAME,
        IdentifierKind.FULL_NAME,
        IdentifierKind.SSN,
    }
)
LEADERS = frozenset(
    {*IdentifierKind} - PERSONAL - {IdentifierKind.URL, IdentifierKind.UUID, IdentifierKind.NOTE}
)
# Roles that their owner declares of what leads to people, and of what does not.
OF_PEOPLE = frozenset({Role.NAME, Role.EMAIL, Role.PHONE, Role.ADDRESS, Role.IP, Role.DATE_OF_BIRTH})
OF_NOBODY = frozenset({Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP})


@dataclass(frozen=True, slots=True)
class RelationLook:
    """A relation of the project and what was seen of it.

    Attributes:
        counts: how the values of columns that may identify something repeat.
        personal: columns that hold what is somebody's own, and what that is.
        leading: columns that lead to somebody, or may.
        texts: columns of prose.
        constant: columns that hold one value in all rows that were looked at.
        unclear: columns whose values may lead to somebody, and why, as the end of a sentence about each.
        periods: columns that name the period of their row, such as the term `2024-S1`.
        hashes: columns of hashes that are called as the key of a thing.
        rows: as far as they were counted; `whole` says that these are all.
    """

    unique_id: str
    name: str
    relation: Relation
    columns: Mapping[str, Column] = field(default_factory=dict)
    counts: Mapping[str, ValueCounts] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    leading: Mapping[str, str] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    constant: frozenset[str] = frozenset()
    unclear: Mapping[str, str] = field(default_factory=dict)
    periods: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    rows: int = 0
    whole: bool = False

    @property
    def about_people(self) -> int:
        """How surely the rows are people, or stand for some: 3 by values, 2 by names, 1 in doubt, 0 not."""
        if self.personal:
            return 3
        return 2 if is_somebody(self.name) else int(bool(self.leading))

    @property
    def kinds(self) -> dict[str, IdentifierKind | None]:
        """Return what leads to people, by column; None where that is not sure."""
        kinds = {str(kind): kind for kind in IdentifierKind}
        return {column: kinds.get(what) for column, what in {**self.personal, **self.leading}.items()}

    def keys_of_things(self, columns: Iterable[str]) -> frozenset[str]:
        """Return those of the columns that differ in all rows and are called as keys of things."""
        return frozenset(
            one for one in columns if self.unique(one) and is_identifier(one) and not is_somebody(one)
        )

    def unique(self, column: str) -> bool:
        """Return whether no two rows share a value of the column, as far as was looked."""
        counts = self.counts.get(column)
        return counts is not None and counts.unique and counts.present == counts.rows


def look_at(
    nodes: Iterable[Node], models: Mapping[str, Model], warehouse: Warehouse
) -> Mapping[str, RelationLook]:
    """Look at the relation of each node, by `unique_id`; those that are not there are left out."""
    looks = {}
    for node in nodes:
        try:
            look = _look(node, models.get(node.unique_id), warehouse)
        except (ManifestError, WarehouseError):  # whoever needs it will say so
            continue
        if look is not None:
            looks[node.unique_id] = look
    return looks


def _look(node: Node, model: Model | None, warehouse: Warehouse) -> RelationLook | None:
    relation = relation_of(node)
    columns = warehouse.describe(relation)
    if not columns:
        return None
    key_columns = [column for column in columns if column.kind in KEY_KINDS]
    counts = warehouse.counts(relation, key_columns) or {}
    rows = max((one.rows for one in counts.values()), default=0)
    sample = warehouse.sample(relation, columns, SAMPLE)
    personal, leading, texts, hashes = _people(columns, sample, model.roles if model else {})
    others = [column for column in columns if column.name not in {*personal, *leading, *texts}]
    return RelationLook(
        node.unique_id,
        node.name,
        relation,
        {column.name: column for column in columns},
        counts,
        personal,
        leading,
        texts,
        frozenset(name for name in sample.column_names if len(sample.column(name).unique()) == 1),
        unclear_columns(node.name, others, sample),
        period_columns(columns, sample),
        hashes,
        rows,
        bool(counts) and all(one.whole for one in counts.values()),
    )


def _people(
    columns: Sequence[Column], sample: pa.Table, roles: Mapping[str, Role]
) -> tuple[dict[str, str], dict[str, str], frozenset[str], frozenset[str]]:
    """Return columns of what is somebody's own, those that may lead to people, prose, hashes of things."""
    personal: dict[str, str] = {}
    leading: dict[str, str] = {}
    texts, hashes = set[str](), set[str]()
    for column in columns:
        role = roles.get(column.name)
        if role in OF_NOBODY:
            continue
        detection = detect(column, sample.column(column.name), sample.column_names)
        what = detection.what if detection else None
        if what is None and read_name(column.name).what is IdentifierKind.BIRTH:
            what = IdentifierKind.BIRTH
        if what in PERSONAL or role in OF_PEOPLE:
            personal[column.name] = str(what or role)
        elif _is_surrogate(column.name, what):
            hashes.add(column.name)
        elif what in LEADERS:
            leading[column.name] = str(what)
        elif detection and detection.doubt:
            leading[column.name] = "perhaps names of people"
        elif what is IdentifierKind.NOTE:
            texts.add(column.name)
    return personal, leading, frozenset(texts), frozenset(hashes)


def _is_surrogate(column: str, what: IdentifierKind | None) -> bool:
    """Return whether a column of hashes is called as the key of a thing, as `plan_key` of plans is."""
    return what is IdentifierKind.TOKEN and is_identifier(column) and not is_somebody(column)
