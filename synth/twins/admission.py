"""What other tables may decide of a twin: nothing real in what is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.domain import Way

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from synth.domain import Across


def comes_of_twins(fact: Across, anew: Mapping[str, Collection[str]], twins: Collection[str]) -> bool:
    """Return whether no real value would stand in what is made up, and nothing learned follows from such.

    Args:
        fact: across tables.
        anew: the columns of each twin that are made up.
        twins: the models of which there are twins.
    """
    own, others = anew[fact.model], anew.get(fact.other)
    if fact.way not in {Way.FORMULA, Way.TOTAL}:
        is_copy = fact.other in twins and (others is None or fact.source in others)
        return is_copy or fact.column not in own
    if fact.column not in own or others is None:
        is_of_twins = fact.column not in own or fact.other in twins
        return is_of_twins and not ({*fact.beside} & set(own) or {*fact.order} & set(others or ()))
    is_made = {*fact.order} <= set(others) and {*fact.beside} <= set(own)
    return is_made and fact.way is Way.FORMULA  # such as a full name, of made-up first and last names
