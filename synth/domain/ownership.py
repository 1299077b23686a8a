"""Whom the rows of a model are about, and whether they are about anybody, as decided across the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synth.domain.relations import Relation


@dataclass(frozen=True, slots=True)
class OwnershipStep:
    """One step from a row to whom it is about: the row of `relation` whose `key` it holds has `column`."""

    relation: Relation
    key: str
    column: str
    parent: str  # unique_id


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whom each row of a model is about, and what says so.

    Attributes:
        root: the model whose key names the entity, by `unique_id`; the model's own where nothing else does.
        column: of the model; it holds the entity, or a key that leads to it. Empty where each row is its own.
        path: from the key in `column` to the entity; empty where `column` holds the entity itself.
        evidence: what says so, in a few words.
        is_declared: whether the user said so.
        advice: the line that changes it.
        is_identifier: whether `column` holds keys; a salary by which only values tell people apart does not.
    """

    root: str
    column: str = ""
    path: tuple[OwnershipStep, ...] = ()
    evidence: str = ""
    is_declared: bool = False
    advice: str = ""
    is_identifier: bool = True
