"""Which tables are about nobody and may be copied as they are: by all evidence, or by declaration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from synth.columns.pii import NAMES, IdentifierKind, read_name, role_of
from synth.domain import RARE, Kind, plain_words
from synth.graph.calendars import has_every_day
from synth.graph.events import sharing_of
from synth.graph.figures import columns_before, figures_of
from synth.graph.lineage import ancestry, without_data
from synth.graph.links import BY_LABEL
from synth.graph.look import LEADERS, PERSONAL
from synth.graph.owners import FEWEST, WHERE
from synth.graph.prices import is_price_list, says_when
from synth.graph.words import (
    OPENINGS,
    is_goods,
    is_location,
    is_maker,
    is_premises,
    is_somebody,
    names_party,
    stem,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import ForeignKey, Model, Role
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.project.manifest import Manifest
    from synth.warehouse import Warehouse

MOST = 1_000  # rows of a dimension; beyond, a table is data
OFTEN = 5  # rows that refer to a row of a dimension on average; those of an event have fewer
DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
MEASURE_KINDS = frozenset({Kind.FLOAT, Kind.DECIMAL})
CALENDARS = frozenset(
    {"date", "dates", "day", "days", "calendar", "month", "months", "week", "weeks", "year", "years", "time"}
    | {"kalender", "calendrier", "calendario"}
)
CONTACTS = NAMES | {IdentifierKind.PHONE, IdentifierKind.EMAIL}  # who works there, and how to reach them
# Words of columns that say when a row was written.
WRITTEN = frozenset({"created", "updated", "update", "modified", "changed", "loaded", "imported", "synced"})
DECLARED_REASON = "declared"


@dataclass(frozen=True, slots=True)
class CopyReason:
    """Why a model is about nobody, and what is not copied.

    Attributes:
        made_up: columns that are made up, and as what.
        new_numbers: columns of keys that are new.
        figures: numbers that follow from other twins.
    """

    text: str
    made_up: Mapping[str, Role] = field(default_factory=dict)
    new_numbers: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class References:
    """Finds the tables about nobody.

    Attributes:
        models: the tagged models, by `unique_id`; `keys` are the references of each.
        columns: the names of the columns of all that these are made from.
    """

    manifest: Manifest
    models: Mapping[str, Model]
    looks: Mapping[str, RelationLook]
    keys: Mapping[str, tuple[ForeignKey, ...]]
    lineages: Mapping[str, NodeLineage]
    columns: Mapping[str, Collection[str]]
    warehouse: Warehouse

    def decide(self, *, infer: bool) -> tuple[dict[str, CopyReason], dict[str, str]]:
        """Return why models are reference, and why those in doubt are not, by `unique_id`.

        Args:
            infer: whether evidence is enough; else only what the owner declared counts.
        """
        declared_models = (name for name, model in self.models.items() if model.declared_reference)
        reference = dict.fromkeys(declared_models, CopyReason(DECLARED_REASON))
        if not infer:
            return reference, {}
        undeclared_models = [name for name, model in self.models.items() if model.declared_reference is None]
        while True:  # what refers to reference alone may be reference
            more = {
                name: reason
                for name in undeclared_models
                if name not in reference
                and (reason := self._reason(name, reference))
                and not self._doubt(name, reference)
            }
            if not more:
                return reference, self._doubts(undeclared_models, reference)
            reference |= more

    def _doubts(self, undeclared_models: Collection[str], reference: Collection[str]) -> dict[str, str]:
        """Return why models are not copied though all else says that they are about nobody."""
        doubts = {name: self._doubt(name, reference) for name in undeclared_models if name not in reference}
        return {name: doubt for name, doubt in doubts.items() if doubt and self._reason(name, reference)}

    def _doubt(self, name: str, reference: Collection[str]) -> str:
        """Return which column may hold what leads to people by its values, as a sentence without its end."""
        look = self.looks.get(name)
        references = {
            key.column
            for key in self.keys[name]
            # New ones, or of what is copied. Labels of another list stay what they are.
            if key.parent in reference or key.public or (key.parent != name and key.test != BY_LABEL)
        }
        clear = references | (
            self._figures(look) | (self._own_keys(look) & look.hashes) if look else frozenset()
        )
        unclear = {one: why for one, why in look.unclear.items() if one not in clear} if look else {}
        return next((f"{column} {why}" for column, why in unclear.items()), "")

    def _own_keys(self, look: RelationLook) -> frozenset[str]:
        """Return the keys by which others refer to rows of a table, and that stand for nothing else."""
        references = self._referring(look.unique_id)
        return look.keys_of_things(key.parent_column for _, key in references if key.test != BY_LABEL)

    def _reason(self, name: str, reference: Collection[str]) -> CopyReason | None:
        """Return why a model is about nobody; None where that is in doubt."""
        model, look = self.models[name], self.looks.get(name)
        if look is None or not look.whole or not look.rows or self._is_about_people(look):
            return None
        if model.entity is not None or model.history is not None or model.sensitive or model.roles:
            return None
        others = [
            key
            for key in self.keys[name]
            if key.parent != name and key.parent not in reference and not (key.public or key.test == BY_LABEL)
        ]
        makers = {key.column for key in others if self._is_made_by(look, key)}
        figures = self._figures(look)
        if len(makers) < len(others) or self._names_party(look, {*makers, *self._contacts(look), *figures}):
            return None
        if figures:
            return self._dimension(look, reference, sorted(makers), figures)
        return (
            self._calendar(look)
            or self._price_list(model, look)
            or self._dimension(look, reference, sorted(makers))
            or self._event(look)
        )

    def _contacts(self, look: RelationLook) -> dict[str, Role]:
        """Return the columns that say who works at a place, and as what they are made up."""
        return {column: role_of(what) for column, what in look.kinds.items() if what in CONTACTS}

    def _is_about_people(self, look: RelationLook) -> bool:
        """Return whether the rows may be people; where shops are, leads to none.

        A few shops cannot be learned: those who work there are made up, and the rest is copied.
        """
        if is_somebody(look.name) or not is_premises(look.name, look.rows):
            return bool(look.about_people)
        return bool({*look.kinds.values()} - WHERE - (CONTACTS if look.rows < FEWEST else set()))

    def _is_made_by(self, look: RelationLook, key: ForeignKey) -> bool:
        """Return whether a key says which firm makes or sells the goods of a catalogue, or who runs a shop.

        Such a table is about nobody: in its copy these are other ones.
        """
        return is_premises(look.name, look.rows) or (
            is_goods(look.name) and is_maker(self.models[key.parent].name)
        )

    def _names_party(self, look: RelationLook, makers: Collection[str]) -> bool:
        """Return whether a column is called as a party; the parent in a tree of things is a thing."""
        own = {key.column for key in self.keys[look.unique_id] if key.parent == look.unique_id}
        return any(
            names_party(name) and name not in makers and not (name in own and stem(name) == "parent")
            for name in look.columns
        )

    def _price_list(self, model: Model, look: RelationLook) -> CopyReason | None:
        """Return why a small table of prices and days, to which nobody may refer, is about nobody."""
        if look.rows > MOST or self._of_people(look.unique_id):
            return None
        own_keys = self._own_keys(look)
        rows = self.warehouse.sample(look.relation, [*look.columns.values()], MOST) if own_keys else None
        if not is_price_list(look, (model.primary_key, *model.unique), own_keys, rows):
            return None
        return CopyReason(f"{look.rows:,} prices by day, and no column, key or source leads to people")

    def _calendar(self, look: RelationLook) -> CopyReason | None:
        """Return why a calendar or a list of numbers is about nobody: no data, or no day left out."""
        kinds = {column.kind for column in look.columns.values()}
        if look.about_people or kinds & MEASURE_KINDS:
            return None
        has_calendar_name = bool(CALENDARS & set(plain_words(look.name)))
        if without_data(self.lineages, look.unique_id):
            is_list = kinds <= {Kind.INTEGER} and len(look.columns) == 1
            is_named = has_calendar_name or bool(self._referring(look.unique_id))
            text = f"its SQL reads no data, and it has a row for each of {look.rows:,} days or times"
            return CopyReason(text) if is_list or (kinds & DAYS and is_named) else None
        is_calendar = has_calendar_name and not self._of_people(look.unique_id)
        text = f"{look.rows:,} days in a row, and no column, key or source leads to people"
        return CopyReason(text) if is_calendar and has_every_day(look, self.warehouse) else None

    def _figures(self, look: RelationLook) -> frozenset[str]:
        """Return what a table says of people in numbers, where there are enough to make up others."""
        return figures_of(look, self.lineages, self._is_of_people) if look.rows >= RARE else frozenset()

    def _is_of_people(self, node: str) -> bool:
        """Return whether the rows of a relation, or of what it is made from, may be about people."""
        sources = {one.unique_id for one in ancestry(self.manifest, [node])}
        return bool(sources & self._sources_of_people) or any(map(self._holds_people, sources))

    def _dimension(
        self,
        look: RelationLook,
        reference: Collection[str],
        makers: Sequence[str],
        figures: Collection[str] = (),
    ) -> CopyReason | None:
        """Return why a small table that others refer to is about nobody."""
        referring = self._referring(look.unique_id)
        if look.rows > MOST or self._has_days(look) or not referring:
            return None
        # Parts of reference data, such as the room types of hotels, are called alike in each of these.
        is_part = any(key.parent in reference for key in self.keys[look.unique_id])
        if not is_part and not self._has_label(look, referring):
            return None
        rows = sum(self.looks[child].rows for child, _ in referring)
        is_site = is_part or is_premises(look.name, look.rows)
        of_people = self._shows_people if is_site else self._of_people
        if rows < OFTEN * look.rows or of_people(look.unique_id, figures):
            return None
        names = ", ".join(dict.fromkeys(self.models[child].name for child, _ in referring))
        contacts = self._contacts(look)
        others = "no other" if contacts else "no"
        evidence = (
            f"{look.rows:,} rows that {names} refer to, and {others} column, key or source leads to people"
        )
        changes = [f"{' and '.join(makers)} gets others"] if makers else []
        changes += [f"{' and '.join(contacts)} is made up"] if contacts else []
        changes += [f"{' and '.join(sorted(figures))} follows from other twins"] if figures else []
        return CopyReason("; ".join([evidence, *changes]), contacts, figures=tuple(sorted(figures)))

    def _event(self, look: RelationLook) -> CopyReason | None:
        """Return why a small table of races, classes or flights is about nobody: many people share each."""
        references = [(child, key) for child, key in self._referring(look.unique_id) if key.test != BY_LABEL]
        if look.rows > MOST or not self._has_days(look) or any(key.orphans for _, key in references):
            return None
        sharing = sharing_of(references, self.keys, self.looks, self._is_about_people, self.warehouse)
        if not sharing or self._of_people(look.unique_id):
            return None
        evidence = (
            f"{look.rows:,} rows, each of them that of {sharing}; no column, key or source leads to people"
        )
        # The name of a period, such as a term, is no number of anything, and says which days are its own.
        keys = {key.parent_column for _, key in references} - look.periods
        numbers = tuple(sorted(name for name in keys if look.columns[name].kind not in DAYS))
        changes = [f"{' and '.join(numbers)} gets others"] if numbers else []
        return CopyReason("; ".join([evidence, *changes]), new_numbers=numbers)

    def _has_days(self, look: RelationLook) -> bool:
        """Return whether rows are of some day; when all were loaded is none of theirs.

        Nor is when goods were entered, from when to when they are sold, or when a place opened.
        """
        goods = is_goods(look.name)
        others = (WRITTEN if goods else set()) | (OPENINGS if is_location(look.name, look.rows) else set())
        return any(
            column.kind in DAYS
            and name not in look.constant
            and not others & {*plain_words(name)}
            and not (goods and says_when(name))
            for name, column in look.columns.items()
        )

    def _referring(self, name: str) -> list[tuple[str, ForeignKey]]:
        return [
            (child, key)
            for child, keys in self.keys.items()
            for key in keys
            if key.parent == name and child != name and child in self.looks
        ]

    def _has_label(self, look: RelationLook, referring: list[tuple[str, ForeignKey]]) -> bool:
        """Return whether each row is called something, as things are and events are not.

        It still is where tables that refer to the row by a key repeat its name beside that.
        """
        by_key = {key.parent_column for _, key in referring if key.test != BY_LABEL}
        keys = by_key or {key.parent_column for _, key in referring}
        return any(
            look.unique(name) and column.kind is Kind.TEXT
            for name, column in look.columns.items()
            if name not in keys or len(look.columns) == 1
        )

    def _of_people(self, name: str, figures: Collection[str] = ()) -> bool:
        """Return whether anything but figures is made from what may hold people, or cannot be read."""
        lineage = self.lineages.get(name)
        if lineage is None or not (lineage.is_parsed or lineage.is_stored):
            return True
        sources = {node.unique_id for node in ancestry(self.manifest, [name])} - {name}
        if figures:
            others = [one for one in self.looks[name].columns if one not in figures]
            sources &= self._nodes_of(name, others) | self._nodes_of_rows(name)
        if sources & self._sources_of_people:
            return True
        return any(self._holds_people(source) for source in sources)

    def _shows_people(self, name: str, figures: Collection[str] = ()) -> bool:
        """Return whether all but keys, contacts and figures follows from what people have, or may."""
        look = self.looks[name]
        keys = {*(key.column for key in self.keys[name]), *self._contacts(look), *figures}
        columns = columns_before(self.lineages, name, [one for one in look.columns if one not in keys])
        return columns is None or any(
            one.node in self._sources_of_people or read_name(one.column).what in (PERSONAL | LEADERS) - WHERE
            for one in columns
        )

    def _holds_people(self, source: str) -> bool:
        """Return whether a relation has columns that are called as what leads to people."""
        node = self.manifest.nodes.get(source)
        kinds = (read_name(column).what for column in self.columns.get(source, ()))
        return node is None or is_somebody(node.name) or any(what in PERSONAL | LEADERS for what in kinds)

    @cached_property
    def _sources_of_people(self) -> frozenset[str]:
        """Everything that tables of people get their rows from, or what is somebody's own."""
        sources: set[str] = set()
        for name, look in self.looks.items():
            is_of_people = look.about_people > 1 and name in self.models and self._is_about_people(look)
            if is_of_people and not self._counts_others(look):
                own_columns = {*look.personal, *look.leading, *look.unclear}
                sources |= self._nodes_of_rows(name) | self._nodes_of(name, own_columns)
        return frozenset(sources)

    def _counts_others(self, look: RelationLook) -> bool:
        """Return whether a table that is called as people only sums up those of another table."""
        parents = [
            self.looks.get(key.parent) for key in self.keys[look.unique_id] if key.parent in self.models
        ]
        return not look.personal and any(one and one.about_people > 2 for one in parents)  # noqa: PLR2004

    def _nodes_of_rows(self, name: str) -> set[str]:
        """Return the nodes of which a row gives at most one of this; all before it where that is unclear."""
        nodes: set[str] = set()
        node: str | None = name
        while node is not None and node not in nodes:
            nodes.add(node)
            lineage = self.lineages.get(node)
            if lineage is not None and lineage.is_stored:
                return nodes
            before, node = node, lineage.rows_of if lineage is not None and lineage.is_parsed else None
        return nodes | {one.unique_id for one in ancestry(self.manifest, [before])}

    def _nodes_of(self, name: str, columns: Collection[str]) -> set[str]:
        """Return the nodes whose columns these are, or follow from; all where nobody can say."""
        before = columns_before(self.lineages, name, columns)
        if before is None:
            return {one.unique_id for one in ancestry(self.manifest, [name])}
        return {one.node for one in before}


def with_public_keys(
    model: Model,
    reference: Mapping[str, CopyReason],
    looks: Mapping[str, RelationLook],
    tagged_models: Collection[str],
) -> Model:
    """Return the model whose references to public tables are marked as such.

    What its owner did not tag is public, unless it is about people: whose keys are made up in any case.
    Labels that are called as those of a list which is not copied stay labels.
    """

    def mark(key: ForeignKey) -> ForeignKey:
        if key.parent in tagged_models:
            reason = reference.get(key.parent)
            if reason is None:
                return replace(key, public=False)
            rows = looks[key.parent].relation
            real_keys = rows if key.parent_column in reason.new_numbers else None
            return replace(key, public=True, real_keys=real_keys, public_rows=rows)
        look = looks.get(key.parent)
        if look is None or not look.whole or look.personal or look.about_people > 1:
            return key
        return replace(key, public=True, relation=look.relation, public_rows=look.relation)

    keys = (key for key in model.foreign_keys if key.test != BY_LABEL or key.parent in reference)
    return replace(model, foreign_keys=tuple(map(mark, keys)))
