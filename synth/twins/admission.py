"""What other tables may decide of a twin: nothing real in what is made up, nothing made up in labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.columns.roles import LEARNED_ROLES
from synth.domain import Role, Way

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Across


def comes_of_twins(fact: Across, anew: Mapping[str, Collection[str]], twins: Collection[str]) -> bool:
    """Return whether no real value would stand in what is made up, and nothing learned follows from such.

    Args:
        fact: across tables.
        anew: the columns of each twin that are made up.
        twins: the models of which there are twins.
    """
    own, others = anew[fact.model], anew.get(fact.other)
    if fact.way is Way.DOMAIN and fact.column not in own:
        return False  # a label that is learned is no address of somebody
    if fact.way not in {Way.FORMULA, Way.TOTAL}:
        is_copy = fact.other in twins and (others is None or fact.source in others)
        return is_copy or fact.column not in own
    if fact.column not in own or others is None:
        is_of_twins = fact.column not in own or fact.other in twins
        content = {*fact.order} - {*fact.sorts}
        return is_of_twins and not ({*fact.beside} & set(own) or content & set(others or ()))
    is_made = {*fact.order} <= set(others) and {*fact.beside} <= set(own)
    return is_made and fact.way is Way.FORMULA  # such as a full name, of made-up first and last names


def loses_labels(fact: Across, treatments: Mapping[str, Sequence[Treatment]]) -> bool:
    """Return whether labels that many rows share would become what the other table has in place of them.

    The speciality of 36 doctors is no label in their table: it is made up, or left out. Beside the visits of
    their patients it is one.

    Args:
        fact: across tables.
        treatments: of the columns of each twin, by `unique_id`.
    """
    if fact.way not in {Way.COPY, Way.OWN} or fact.other not in treatments:
        return False
    ours = next((one for one in treatments[fact.model] if one.column.name == fact.column), None)
    theirs = next((one for one in treatments[fact.other] if one.column.name == fact.source), None)
    if ours is None or theirs is None or ours.role not in LEARNED_ROLES:
        return False
    return theirs.role is Role.FREE_TEXT or (theirs.role is Role.NATURAL_KEY and bool(theirs.unsure))
