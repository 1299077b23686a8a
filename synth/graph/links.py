"""Which column of a tagged model holds the keys of which other: stated, or agreed on by names and values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

from synth.columns.forms import may_be_days
from synth.columns.measures import PROBABLY, is_measure
from synth.domain import ForeignKey, Kind, is_identifier, is_numbering
from synth.graph.digests import are_of_one_form
from synth.graph.lineage import ancestry, root
from synth.graph.look import KEY_KINDS
from synth.graph.origins import ColumnRef
from synth.graph.words import ENTITIES, agree, names_role, names_row_above, stem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from synth.domain import Model
    from synth.facts.stated import Reference
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.project.manifest import Manifest
    from synth.warehouse import Warehouse
    from synth.warehouse.values import Inclusion, ValueCounts

FEW_ORPHANS = 0.05  # share of values without a parent where names and values alone speak for a reference
SOME_ORPHANS = 0.5  # where a test or the SQL does
BY_FORM = "the SQL makes both in one form, and its values are among them"
BY_VALUES = "equal names, and its values are among them"
BY_ROLE = "it is called as what one of them is, and its values are among them"
BY_LABEL = "it is called alike, and its labels are all in that list"
WEAK = (BY_FORM, BY_VALUES, BY_ROLE, BY_LABEL)
SPREAD = 0.5  # share of the keys among which values lie; numbers of another table of few are all small
BY_VALUES_ALONE = "its values are among them, as chance would not have it"
HARDLY_ANY = 0.01  # share of values without a parent where values alone speak for a reference
FEWEST = 20  # different values that can speak alone
MANY = 100  # different ones where the parent has all numbers of a stretch
NEARLY_ALL = 0.95  # share of the parent's keys that then occur
BY_CHANCE = log(1e-9)  # chance that numbers fall on keys only


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may refer to a unique one, and what speaks for that beside the values."""

    child: ColumnRef
    parent: ColumnRef
    evidence: str

    @property
    def rank(self) -> int:
        """The weakness of the evidence: tests and SQL before names, these before roles and labels."""
        return WEAK.index(self.evidence) + 1 if self.evidence in WEAK else 0


@dataclass(frozen=True)
class Linker:
    """Finds the references between tagged models.

    Attributes:
        models: the tagged models, by `unique_id`; `looks` what was seen of them and of untagged parents.
        stated_references: what tests say of any model.
        lineages: where the columns of all these come from.
    """

    manifest: Manifest
    models: Mapping[str, Model]
    looks: Mapping[str, RelationLook]
    stated_references: Sequence[Reference]
    lineages: Mapping[str, NodeLineage]
    warehouse: Warehouse

    @property
    def vocabulary(self) -> frozenset[str]:
        """The words that name things in the project, and people anywhere."""
        first = next(iter(self.models.values()), None)
        return ENTITIES | (first.vocabulary if first else frozenset())

    def resolve(self) -> dict[str, tuple[ForeignKey, ...]]:
        """Return the foreign keys of each model, by `unique_id`: stated and inferred ones."""
        return {name: self._of(model) for name, model in self.models.items()}

    def key_of(self, name: str, referred_columns: Collection[str]) -> str:
        """Return the undeclared column that identifies a model's rows; empty where there is none.

        Args:
            name: of the model, by `unique_id`.
            referred_columns: its columns that others hold the keys of.
        """
        model, look = self.models[name], self.looks.get(name)
        if model.primary_key or look is None:
            return ""
        unique = [column for column in look.columns if look.unique(column) and look.whole]
        fits = [column for column in unique if column in referred_columns or self._names_identifier(column)]
        return min(
            fits, key=lambda c: (c not in referred_columns, not self._of_its_model(c, look)), default=""
        )

    def _names_identifier(self, column: str) -> bool:
        return is_identifier(column, self.vocabulary) or is_numbering(column, self.vocabulary)

    def _of_its_model(self, column: str, look: RelationLook) -> bool:
        """Return whether a column is called as the key of its model: `id` or `customer_id` of `customers`."""
        about = stem(column, self.vocabulary).replace("_", "")
        return about in {"", stem(look.name, self.vocabulary).replace("_", "")}

    def unique(self, name: str) -> frozenset[str]:
        """Return the columns of a model in which all of its rows differ."""
        look = self.looks.get(name)
        return frozenset(column for column in look.counts if look.unique(column)) if look else frozenset()

    def _of(self, model: Model) -> tuple[ForeignKey, ...]:
        look = self.looks.get(model.unique_id)
        if look is None:
            return model.foreign_keys
        keys = [self._measure(look, key) for key in model.foreign_keys if key.parent in self.models]
        settled_columns = {key.column for key in keys}
        for column in look.columns:
            if column in settled_columns:
                continue
            references = self._references_to_untagged(model, column)
            best = self._best(ColumnRef(model.unique_id, column), references)
            keys += [best] if best else references
        return tuple(keys)

    def _references_to_untagged(self, model: Model, column: str) -> list[ForeignKey]:
        """Return what is stated of a column whose parent has no twin.

        A list that lies beside the models as a seed may be named where the column comes from.
        """
        own_keys = [key for key in model.foreign_keys if key.column == column]
        origin = self._origin(ColumnRef(model.unique_id, column))
        return own_keys or [
            ForeignKey(column, one.parent, one.parent_column, one.test)
            for one in self.stated_references
            if one.parent.startswith("seed.")
            and one.parent in self.looks.keys() - self.models.keys()
            and self._origin(ColumnRef(one.child, one.column)) == origin
        ]

    def _measure(self, look: RelationLook, key: ForeignKey) -> ForeignKey:
        """Return the stated key with the share of its values that the parent does not have."""
        parent = self.looks.get(key.parent)
        if (
            parent is None
            or not {key.column} <= look.columns.keys()
            or key.parent_column not in parent.columns
        ):
            return key
        share = self._orphans(ColumnRef(look.unique_id, key.column), ColumnRef(key.parent, key.parent_column))
        return replace(key, orphans=share or 0.0)

    def _best(self, child: ColumnRef, untagged_keys: Sequence[ForeignKey]) -> ForeignKey | None:
        """Return the owner of the keys that a column holds: of those that fit, the one with most keys."""
        columns_that_fit = []
        for candidate in self._candidates(child, untagged_keys):
            inclusion = self._inclusion(child, candidate.parent)
            keys = self.looks[candidate.parent.node].counts[candidate.parent.column].different
            if inclusion is not None and _fits(inclusion, keys, candidate.evidence):
                columns_that_fit.append((candidate, inclusion.share))
        if not columns_that_fit:
            return self._by_values_alone(child)
        candidate, share = min(columns_that_fit, key=lambda one: (one[0].rank, *self._order(one[0].parent)))
        parent = candidate.parent
        return ForeignKey(child.column, parent.node, parent.column, candidate.evidence, share)

    def _by_values_alone(self, child: ColumnRef) -> ForeignKey | None:
        """Return the owner of keys that numbers hit without exception, whatever the column is called.

        Keys with gaps between them are hit by nothing else. Where there are no gaps, the numbers are the same
        stretch, and it begins beyond 1: counts of something begin there.
        """
        look = self.looks[child.node]
        counts = look.counts.get(child.column)
        if counts is None or counts.different < FEWEST or is_measure(child.column, self.vocabulary):
            return None
        if look.columns[child.column].kind is not Kind.INTEGER or may_be_days(counts.low, counts.high):
            return None
        for parent in sorted(self._owners(), key=self._order):
            theirs = self.looks[parent.node].counts[parent.column]
            if parent.node == child.node or not self._may_refer(child, parent) or not self._leads(parent):
                continue
            if self.looks[parent.node].columns[parent.column].kind is not Kind.INTEGER:
                continue
            if (
                counts.different > theirs.different
                or not theirs.low <= counts.low <= counts.high <= theirs.high
            ):
                continue
            inclusion = self._inclusion(child, parent)
            if (
                inclusion is not None
                and inclusion.share <= HARDLY_ANY
                and _is_no_chance(counts, theirs, inclusion)
            ):
                return ForeignKey(child.column, parent.node, parent.column, BY_VALUES_ALONE, inclusion.share)
        return None

    def _leads(self, place: ColumnRef) -> bool:
        """Return whether a column is what its rows are called by: declared, named so, or dealt out.

        Of numbers that are measured, too many rows for their stretch would share some.
        """
        model, counts = self.models[place.node], self.looks[place.node].counts[place.column]
        keys = {name for columns in (model.primary_key, *model.unique) for name in columns}
        if place.column in keys or self._names_identifier(place.column):
            return True
        shared = counts.different**2 / 2 / (counts.high - counts.low + 1)
        return shared >= -log(PROBABLY) and not is_measure(place.column, self.vocabulary)

    def _candidates(self, child: ColumnRef, untagged_keys: Sequence[ForeignKey]) -> Iterator[Candidate]:
        """Yield the unique columns upstream that agree with the child's by name or by a test."""
        column = self.looks[child.node].columns[child.column]
        if column.kind not in KEY_KINDS:
            return
        tests = self._tests(child, untagged_keys)
        for parent in self._owners():
            other = self.looks[parent.node].columns[parent.column]
            if column.kind is not other.kind or not self._may_refer(child, parent):
                continue
            evidence = next((test for test, place in tests.items() if self._carries(parent, place)), "")
            if parent.node != child.node:
                evidence = evidence or self._copy_evidence(child, parent)
                evidence = evidence or self._name_evidence(child, parent)
            elif self._names_identifier(parent.column) and self._is_of_row_above(child, parent):
                evidence = evidence or BY_VALUES
            if evidence:
                yield Candidate(child, parent, evidence)

    def _is_of_row_above(self, child: ColumnRef, parent: ColumnRef) -> bool:
        """Return whether a column is called as the key of another row of its table, as `lead_agent_id` is."""
        words = self.vocabulary
        is_alike = agree(child.column, parent.column, self.looks[parent.node].name, words)
        has_role = is_alike and stem(child.column, words) != stem(parent.column, words)
        return has_role or names_row_above(child.column)

    def _name_evidence(self, child: ColumnRef, parent: ColumnRef) -> str:
        """Return what forms and names say of a column and the key of another table; empty if nothing."""
        if are_of_one_form(self.lineages, child, parent):
            return BY_FORM
        look = self.looks[parent.node]
        is_called_alike = agree(child.column, parent.column, look.name, self.vocabulary)
        if not self._identifies(child, parent):
            return BY_LABEL if is_called_alike and self._is_list(parent) else ""
        if is_called_alike:
            return BY_VALUES
        return BY_ROLE if look.about_people > 1 and names_role(child.column) else ""

    def _is_list(self, parent: ColumnRef) -> bool:
        """Return whether a tagged table may be a list of labels, such as of grades or countries.

        Whether it is one is decided later; if not, the labels that are called alike stay labels.
        """
        look = self.looks[parent.node]
        return look.columns[parent.column].kind is Kind.TEXT and not look.about_people

    def _copy_evidence(self, child: ColumnRef, parent: ColumnRef) -> str:
        """Return what the SQL says, if both columns hold the values of one column unchanged."""
        origin = self._origin(child)
        same = origin == self._origin(parent) and self._identifies(child, parent)
        return f"both are copies of {origin}" if same and origin != child else ""

    def _tests(self, child: ColumnRef, untagged_keys: Sequence[ForeignKey]) -> dict[str, ColumnRef]:
        """Return what tests say that the column refers to, by their names: its own tests, then its copies'.

        Payments that have the customer of their order refer to whom a test says that orders refer to.
        """
        tests = {key.test: ColumnRef(key.parent, key.parent_column) for key in untagged_keys}
        stated = [(ColumnRef(one.child, one.column), one) for one in self.stated_references]
        copies = [
            one for place, one in stated if place != child and self._origin(place) == self._origin(child)
        ]
        own = [one for place, one in stated if place == child]
        return tests | {one.test: ColumnRef(one.parent, one.parent_column) for one in (*own, *copies)}

    def _carries(self, owner: ColumnRef, reference: ColumnRef) -> bool:
        """Return whether a tagged column is the key of a test, or follows or feeds it."""
        if owner == reference or self._origin(owner) == self._origin(reference):
            return True
        name = self.manifest.nodes[reference.node].name if reference.node in self.manifest.nodes else ""
        are_related = self._are_related(owner.node, reference.node)
        return are_related and agree(owner.column, reference.column, name, self.vocabulary)

    def _origin(self, column: ColumnRef) -> ColumnRef:
        return root(self.lineages, column)

    def _are_related(self, one: str, other: str) -> bool:
        return other in self._ancestry(one) or one in self._ancestry(other)

    def _ancestry(self, unique_id: str) -> frozenset[str]:
        return frozenset(node.unique_id for node in ancestry(self.manifest, [unique_id]))

    def _owners(self) -> list[ColumnRef]:
        """Return the columns of tagged models whose values differ in all rows, and are identifiers."""
        return [
            ColumnRef(name, column)
            for name in self.models
            if name in self.looks
            for column in self.looks[name].counts
            if self._is_key(ColumnRef(name, column))
        ]

    def _is_key(self, place: ColumnRef) -> bool:
        model, look = self.models[place.node], self.looks[place.node]
        is_declared = (place.column,) in model.unique or model.primary_key == (place.column,)
        counts = look.counts[place.column]
        return counts.unique and (is_declared or (look.unique(place.column) and counts.whole))

    def _identifies(self, child: ColumnRef, parent: ColumnRef) -> bool:
        """Return whether the columns are identifiers, not labels: by name, a test, or as the only key."""
        if self._names_identifier(child.column) or self._names_identifier(parent.column):
            return True
        look, model = self.looks[parent.node], self.models[parent.node]
        whole = look.columns[parent.column].kind in {Kind.INTEGER, Kind.UUID}
        return model.primary_key == (parent.column,) and (whole or self._is_tested_elsewhere(child, parent))

    def _is_tested_elsewhere(self, child: ColumnRef, parent: ColumnRef) -> bool:
        """Return whether a test leads to the parent from a column of another table that is called alike.

        Where `orders.country_code` gets new keys of countries, `payments.country_code` cannot stay a label.
        """
        columns = {
            one.column
            for one in self.stated_references
            if ColumnRef(one.parent, one.parent_column) == parent and one.child != child.node
        }
        return child.column in columns

    def _may_refer(self, child: ColumnRef, parent: ColumnRef) -> bool:
        """Return whether the parent comes before the child, so that references never end where they began."""
        if child == parent:
            return False
        if child.node == parent.node:
            return True
        return not (child.column in self.looks[child.node].counts and self._is_key(child)) or (
            self._order(parent) < self._order(child)
        )

    def _order(self, place: ColumnRef) -> tuple[int, bool, int, bool, str]:
        """Return owners of keys first: most keys, called as their model, upstream, declared."""
        look, model = self.looks[place.node], self.models[place.node]
        return (
            -look.counts[place.column].different,
            not self._of_its_model(place.column, look),
            len(self._ancestry(place.node)),
            model.primary_key != (place.column,),
            place.node,
        )

    def _orphans(self, child: ColumnRef, parent: ColumnRef) -> float | None:
        """Return the share of the child's values that the parent lacks; None where that is unknown."""
        inclusion = self._inclusion(child, parent)
        return inclusion.share if inclusion is not None and inclusion.rows else None

    def _inclusion(self, child: ColumnRef, parent: ColumnRef) -> Inclusion | None:
        ours, theirs = self.looks[child.node], self.looks[parent.node]
        return self.warehouse.count_missing(
            ours.relation, ours.columns[child.column], theirs.relation, theirs.columns[parent.column]
        )


def _fits(inclusion: Inclusion, keys: int, evidence: str) -> bool:
    """Return whether the values agree with the evidence: the weaker this is, the more they have to say."""
    if not inclusion.rows:
        return False
    if evidence == BY_LABEL:
        return not inclusion.missing_rows
    if evidence == BY_ROLE and inclusion.keys_between < SPREAD * keys:
        return False
    return inclusion.share <= (FEW_ORPHANS if evidence in WEAK else SOME_ORPHANS)


def _is_no_chance(ours: ValueCounts, theirs: ValueCounts, inclusion: Inclusion) -> bool:
    """Return whether numbers that are no keys would have missed some, or would not have been all of them."""
    filled = min(inclusion.keys_between / (ours.high - ours.low + 1), 1.0)
    if filled < 1:
        return ours.different * log(filled) < BY_CHANCE
    is_same_stretch = theirs.low > 1 and ours.different >= NEARLY_ALL * theirs.different
    return is_same_stretch and ours.different >= MANY
