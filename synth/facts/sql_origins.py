"""Whether the SQL of the project computes a column as a fact across tables says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Derivation, Way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Across, Model


def is_stated(fact: Across, models: Mapping[str, Model]) -> bool:
    """Return whether SQL computes the column of the fact as the fact says."""
    whole, part = models[fact.model].derivations, _derivations(fact, models)
    derivation, source = whole.get(fact.column), part.get(fact.source)
    if derivation is None or derivation.way is not fact.way:
        return False
    key = part.get(fact.key)
    if fact.way is Way.COPY and _arises_with_key(fact, models):
        return False
    if fact.way is not Way.COPY and (
        key is None or derivation.by not in {key.root, key.stands_for} or bool(fact.empty) != derivation.empty
    ):
        return False
    return fact.way is Way.COUNT or (
        source is not None and source.way is Way.COPY and source.root == derivation.root
    )


def holds_values_of(column: str, place: str, name: str, models: Mapping[str, Model]) -> bool:
    """Return whether a relation's column holds the values that arise at a place, or the digests of them."""
    one = models[name].derivations.get(column) if name in models else None
    copies = {one.root if one.way is Way.COPY else "", one.stands_for} if one else set[str]()
    return place in {f"{name}.{column}", *copies}


def _derivations(fact: Across, models: Mapping[str, Model]) -> Mapping[str, Derivation]:
    """Return where columns of the other relation arise; those of what is no model arise there."""
    if fact.other in models:
        return models[fact.other].derivations
    return {name: Derivation(f"{fact.other}.{name}") for name in (fact.key, fact.source)}


def _arises_with_key(fact: Across, models: Mapping[str, Model]) -> bool:
    """Return whether a column is one of the relation that the key is of, so that it is no copy by this key.

    A customer's favourite shop is one of the shops of the orders; the shop of an order is no copy of it. If
    the other model has the rows of that relation, it is, as the product of an account beside each month.
    """
    derivations, other = models[fact.model].derivations, models.get(fact.other)
    key, column = derivations.get(fact.own), derivations[fact.column]
    if key is None or key.way is not Way.COPY or _relation(key) != _relation(column):
        return False
    theirs, sources = _derivations(fact, models).get(fact.key), other.row_sources if other else {fact.other}
    return theirs is None or theirs.root != key.root or _relation(key) not in sources


def _relation(derivation: Derivation) -> str:
    return derivation.root.rpartition(".")[0]
