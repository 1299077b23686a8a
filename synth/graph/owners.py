"""Whom the rows of each model are about: the entity that is split, protected and counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.columns.pii import IdentifierKind
from synth.domain import Ownership, OwnershipStep, is_identifier
from synth.errors import WarehouseError
from synth.graph.repeats import find_repetition
from synth.graph.words import ENTITIES, is_premises, is_somebody, names_entity, names_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import ForeignKey, Model, Relation
    from synth.graph.look import RelationLook
    from synth.graph.reference import CopyReason
    from synth.warehouse import Warehouse
    from synth.warehouse.values import ValueCounts

OWN = frozenset({IdentifierKind.EMAIL, IdentifierKind.FULL_NAME, IdentifierKind.SSN})  # what names one person
PARTS = frozenset({IdentifierKind.FULL_NAME, IdentifierKind.FIRST_NAME, IdentifierKind.LAST_NAME})
# What a person keeps from row to row, and hardly shares.
CONTACTS = frozenset({IdentifierKind.PHONE, IdentifierKind.LOGIN, IdentifierKind.IBAN, IdentifierKind.CARD})
# Where something is.
WHERE = frozenset(
    {IdentifierKind.CITY, IdentifierKind.POSTCODE, IdentifierKind.STREET, IdentifierKind.COORDINATES}
)
FEWEST = 20  # entities; fewer cannot be split, and are no entity
ALONE = "entity: none"  # where rows really are on their own
IN_PART = 1.5  # how surely, at most, rows are about whom most of them do not name
ALIKE = 2.0  # candidates of which one is as many times as numerous as the other do not contradict each other


@dataclass(frozen=True, slots=True)
class EntityClaim:
    """A column that may say whom a row is about.

    Attributes:
        surely: how surely it leads to people: 3 by values, 2 by names, 1 in doubt.
        entities: how many different ones the rows of the model have.
        complete: whether every row has one.
        sparse: whether most rows have none.
    """

    ownership: Ownership
    surely: int
    entities: int
    complete: bool
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Two entities that a model could be about, of which evidence prefers neither."""

    model: str
    path: str
    claims: tuple[EntityClaim, EntityClaim]


@dataclass
class EntityOwners:
    """Decides model by model, parents before the models that refer to them.

    Attributes:
        reference: why models are about nobody, by `unique_id`.
    """

    models: Mapping[str, Model]
    looks: Mapping[str, RelationLook]
    keys: Mapping[str, tuple[ForeignKey, ...]]
    reference: Mapping[str, CopyReason]
    warehouse: Warehouse
    questions: list[Question] = field(default_factory=list)
    _ownerships: dict[str, Ownership] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)

    def of(self, name: str) -> Ownership:
        """Return whom the rows of a model are about."""
        if name not in self._ownerships:
            self._open.add(name)
            self._ownerships[name] = self._decide(self.models[name])
            self._open.discard(name)
        return self._ownerships[name]

    def surely(self, name: str) -> int:
        """Return how surely the rows of a model are about people, by themselves or by whom they belong to."""
        look = self.looks.get(name)
        return look.about_people if look else 0

    def _decide(self, model: Model) -> Ownership:
        name = model.unique_id
        if model.ownership is not None:  # declared
            return model.ownership
        look = self.looks.get(name)
        if model.entity is not None:
            return self._declared_ownership(model, model.entity)
        if name in self.reference:
            return Ownership(
                name, evidence=f"about nobody, {self.reference[name].text}", advice="reference: false"
            )
        if look is None:
            return Ownership(name, evidence="not known, because its rows cannot be read")
        claims = sorted(_nearest(self._claims(model, look), name), key=self._preference)
        claims = [claim for claim in claims if claim.entities >= FEWEST or self._one_to_one(claim, look)]
        if self._is_root(model, look):
            claims = [claim for claim in claims if self._is_above_people(claim, look)]
        elif self._has_contacts_of_its_own(look):
            claims = [
                claim
                for claim in claims
                if not self._is_place(claim, look) and not self._is_namesake(claim, look)
            ]
        by_values = self._by_values(model, look, claims)
        if by_values is not None or not claims:
            return by_values or self._own(model, look)
        self._ask(model, look, claims)
        return claims[0].ownership

    def _determines(self, relation: Relation, key: str, value: str) -> bool | None:
        """Return whether rows that share `key` share `value`; None where the time did not suffice."""
        spread = self.warehouse.count_spread(relation, key, value)
        return None if spread is None else spread.is_none

    def _declared_ownership(self, model: Model, entity: str) -> Ownership:
        """Return as declared; a column that refers to another model is followed to whom that is about."""
        key = next((key for key in self.keys[model.unique_id] if key.column == entity), None)
        if key is None or key.parent not in self.models or key.parent == model.unique_id:
            return Ownership(model.unique_id, entity, evidence="declared", is_declared=True)
        return replace(self._through(key), evidence="declared", is_declared=True, advice="")

    def _own(self, model: Model, look: RelationLook) -> Ownership:
        """Return each row is its own entity; a snapshot's rows are those of whom it keeps versions."""
        whose = model.history.whose if model.history else None
        if whose is not None and whose in look.columns:
            return Ownership(model.unique_id, whose, evidence="the key of the snapshot")
        key = model.primary_key[0] if len(model.primary_key) == 1 else ""
        evidence = "each row is somebody's own" if look.about_people else "nothing leads to anybody"
        return Ownership(model.unique_id, key, evidence=evidence)

    def _is_root(self, model: Model, look: RelationLook) -> bool:
        """Return whether the rows are people themselves, whoever else they refer to."""
        return bool(model.primary_key or self._has_key(look)) and (
            look.about_people == 3 and self._is_identified(look)  # noqa: PLR2004 - by values
        )

    def _has_key(self, look: RelationLook) -> bool:
        return any(look.unique(column) for column in look.counts)

    def _is_identified(self, look: RelationLook) -> bool:
        """Return whether what is somebody's own is there once a row, or the model is called so."""
        if is_somebody(look.name):
            return True
        counts = [look.counts[name] for name in look.personal if name in look.counts]
        return len(look.personal) > 1 and any(2 * one.different > one.present for one in counts)

    def _has_contacts_of_its_own(self, look: RelationLook) -> bool:
        """Return whether most rows have a street or phone number of their own, as addresses have."""
        counts = [look.counts[name] for name in self._contacts(look) if name in look.counts]
        return self._has_key(look) and any(2 * one.different > one.present for one in counts)

    def _contacts(self, look: RelationLook) -> list[str]:
        return [name for name, what in look.leading.items() if what in CONTACTS | {IdentifierKind.STREET}]

    def _is_place(self, claim: EntityClaim, look: RelationLook) -> bool:
        """Return whether a claim is about where rows are, and says nothing of streets and numbers there."""
        one = claim.ownership
        return one.root == look.unique_id and names_place(one.column) and not self._tells(one.column, look)

    def _is_namesake(self, claim: EntityClaim, look: RelationLook) -> bool:
        """Return whether a claim is by a name, and no two rows can be reached by the same number."""
        one = claim.ownership
        if one.root != look.unique_id or look.personal.get(one.column) not in PARTS:
            return False
        counts = [look.counts[name] for name in self._reached_by(look) if name in look.counts]
        return any(not one.has_repeats and 2 * one.present > one.rows for one in counts)

    def _reached_by(self, look: RelationLook) -> list[str]:
        return [name for name, what in look.leading.items() if what in CONTACTS]

    def _tells(self, column: str, look: RelationLook) -> bool:
        """Return whether what somebody is reached by is the same wherever the column is."""
        return all(self._determines(look.relation, column, name) for name in self._contacts(look))

    def _is_above_people(self, claim: EntityClaim, look: RelationLook) -> bool:
        """Return whether rows that are people have all the same a better one to be about.

        That is another table's row for each of them, or whoever has several rows with one birthday.
        """
        surely = self._one_to_one(claim, look) and claim.surely >= 2  # noqa: PLR2004 - by names at least
        return surely or self._has_several_rows(claim.ownership.column, look)

    def _has_several_rows(self, column: str, look: RelationLook) -> bool:
        """Return whether a column's values repeat, and all that is somebody's own repeats with them."""
        counts = look.counts.get(column)
        if counts is None or not counts.has_repeats or column not in look.columns:
            return False
        # Namesakes share all parts of a name: of a name these say nothing.
        others = PARTS if look.personal.get(column) in PARTS else frozenset()
        own_columns = [name for name, what in look.personal.items() if name != column and what not in others]
        own_columns += [name for name, what in look.leading.items() if name != column and what in CONTACTS]
        return bool(own_columns) and all(
            self._determines(look.relation, column, name) for name in own_columns
        )

    def _may_be_several(self, column: str, model: Model, look: RelationLook) -> bool:
        """Return whether a column's values may be people who have several rows, by what is their own."""
        if self._is_root(model, look):
            return self._has_several_rows(column, look)
        return not self._has_contacts_of_its_own(look) or self._tells(column, look)

    def _one_to_one(self, claim: EntityClaim, look: RelationLook) -> bool:
        return look.unique(claim.ownership.column)

    def _claims(self, model: Model, look: RelationLook) -> list[EntityClaim]:
        """Return every column that leads to somebody: references, and identifiers that repeat."""
        claims = []
        for key in self.keys[model.unique_id]:
            if key.parent in self.reference or key.public or key.parent == model.unique_id:
                continue
            if key.parent in self._open or key.column not in look.columns:
                continue  # a circle leads nowhere
            if self._is_open_to_anybody(key.parent):
                continue
            if key.parent in self.models:
                claims.append(self._reference(look, key))
            elif self._may_be_somebody(look, key.column):
                claims.append(self._claim_without_twin(model, look, key))
        reference_columns = {key.column for key in self.keys[model.unique_id]}
        vocabulary = model.vocabulary | ENTITIES
        for column, counts in look.counts.items():
            if column in reference_columns or not counts.has_repeats or counts.different < FEWEST:
                continue
            is_named_identifier = is_identifier(column, vocabulary) and column not in model.roles
            if is_named_identifier or names_entity(column) or look.personal.get(column) in OWN:
                claims.append(self._by_name(model, look, column))
        return claims

    def _is_open_to_anybody(self, name: str) -> bool:
        """Return whether rows are shops, branches and the like: whoever goes in is not theirs."""
        look = self.looks.get(name)
        if look is None or look.personal or is_somebody(look.name):
            return False
        return is_premises(look.name, look.rows) and {*look.leading.values()} <= {*map(str, WHERE)}

    def _may_be_somebody(self, look: RelationLook, column: str) -> bool:
        counts = look.counts.get(column)
        return counts is not None and counts.has_repeats

    def _reference(self, look: RelationLook, key: ForeignKey) -> EntityClaim:
        """Return the parent, or whom its rows are about."""
        ownership = self._through(key)
        counts, root = look.counts.get(key.column), self.looks.get(ownership.root)
        entities = counts.different if counts else 0
        last = ownership.path[-1] if ownership.path else None
        # The root may be about whoever several of its rows have in common: these count, not its rows.
        whom = root.counts.get(last.column) if root and last and last.parent == ownership.root else None
        most = whom.different if whom else root.rows if root and root.whole else entities
        return EntityClaim(
            ownership,
            max(self.surely(ownership.root), 1),
            min(entities, most),
            counts is None or counts.present == counts.rows,
            _is_sparse(counts),
        )

    def _through(self, key: ForeignKey) -> Ownership:
        """Return whom the rows are about whose parent a key names."""
        parent = self.of(key.parent)
        name = self.models[key.parent].name
        evidence = f"{key.column} refers to {name}: {key.test}"
        if parent.column == key.parent_column or (parent.root == key.parent and not self._is_shared(parent)):
            return Ownership(parent.root, key.column, parent.path, evidence, advice=ALONE)
        step = OwnershipStep(self.models[key.parent].relation, key.parent_column, parent.column, key.parent)
        way = f"{evidence}, and {name} is about {self._name_of(parent)}"
        return Ownership(parent.root, key.column, (step, *parent.path), way, advice=ALONE)

    def _is_shared(self, ownership: Ownership) -> bool:
        """Return whether a model's own column says whom its rows are about, and several have the same."""
        look = self.looks.get(ownership.root)
        counts = look.counts.get(ownership.column) if look else None
        return ownership.is_identifier and counts is not None and counts.has_repeats

    def _name_of(self, ownership: Ownership) -> str:
        return self.models[ownership.root].name if ownership.root in self.models else ownership.column

    def _claim_without_twin(self, model: Model, look: RelationLook, key: ForeignKey) -> EntityClaim:
        counts = look.counts[key.column]
        evidence = f"{key.column} refers to {key.parent.split('.')[-1]}: {key.test}"
        return EntityClaim(
            Ownership(model.unique_id, key.column, evidence=evidence, advice=ALONE),
            2 if is_somebody(key.column) else 1,
            counts.different,
            counts.present == counts.rows,
            _is_sparse(counts),
        )

    def _by_name(self, model: Model, look: RelationLook, column: str) -> EntityClaim:
        counts = look.counts[column]
        somebody = is_somebody(column) or column in look.personal
        what = "an identifier" if is_identifier(column, model.vocabulary | ENTITIES) else "somebody"
        evidence = f"{column} is called as {what}, and its values repeat"
        return EntityClaim(
            Ownership(model.unique_id, column, evidence=evidence, advice=ALONE),
            2 if somebody else 1,
            counts.different,
            counts.present == counts.rows,
            _is_sparse(counts),
        )

    def _by_values(self, model: Model, look: RelationLook, claims: list[EntityClaim]) -> Ownership | None:
        """Return whom values show the rows to be about, where that protects more than the claims of names."""
        is_decided = claims and (claims[0].surely > 1 or claims[0].ownership.root != model.unique_id)
        if model.history is not None or is_decided:
            return None
        try:
            repetition = find_repetition(look, model, self.warehouse)
        except WarehouseError:  # reading the rows will say so
            return None
        if repetition is None:
            return None
        if not self._may_be_several(repetition.column, model, look):
            return None
        for claim in claims[:1]:
            column = claim.ownership.column
            is_coarser = self._determines(look.relation, column, repetition.column)
            if repetition.column == column or (claim.entities > repetition.entities and not is_coarser):
                return None
        return Ownership(
            model.unique_id,
            repetition.column,
            evidence=repetition.evidence,
            advice=ALONE,
            is_identifier=repetition.is_key,
        )

    def _preference(self, claim: EntityClaim) -> tuple[float, bool, int, int, str]:
        """Return the order of claims: the surest, the complete, the most numerous, the nearest first.

        One that leaves most rows to nobody comes after those that are sure by names.
        """
        one = claim.ownership
        surely = min(claim.surely, IN_PART) if claim.sparse else claim.surely
        return (-surely, not claim.complete, -claim.entities, len(one.path), one.column)

    def _ask(self, model: Model, look: RelationLook, claims: list[EntityClaim]) -> None:
        """Record a question where two claims are equally good and neither includes the other."""
        first = claims[0]
        for other in claims[1:]:
            if other.ownership.root == first.ownership.root != model.unique_id or other.surely < first.surely:
                continue
            if other.surely < 3 or other.complete != first.complete:  # noqa: PLR2004 - by values
                continue
            if first.entities > ALIKE * other.entities or other.entities < FEWEST:
                continue
            pair = (first.ownership.column, other.ownership.column)
            if any(self._determines(look.relation, *way) is not False for way in (pair, pair[::-1])):
                continue
            self.questions.append(Question(model.unique_id, model.path, (first, other)))
            return


def _is_sparse(counts: ValueCounts | None) -> bool:
    return counts is not None and 2 * counts.present < counts.rows


def _nearest(claims: list[EntityClaim], name: str) -> list[EntityClaim]:
    """Return the shortest of several paths to one entity, if every row has it as the longer ones do."""
    nearest: dict[tuple[str, str], EntityClaim] = {}
    for claim in sorted(claims, key=lambda one: (not one.complete, len(one.ownership.path))):
        one = claim.ownership
        nearest.setdefault((one.root, one.column if one.root == name else ""), claim)
    return list(nearest.values())
