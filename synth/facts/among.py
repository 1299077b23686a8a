"""Columns that hold one of the values of another table: half of a key of two columns, or a key by its kind.

A contract holds the estate and the number of a flat, and both together are those of one. A note holds the
kind of what it is about, and the key of that. No foreign key says so, and all real rows keep it.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from synth.domain import RARE, Across, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from synth.domain import ForeignKey, Model
    from synth.warehouse import Snapshot
    from synth.warehouse.across import FactTable

NUMBER_TYPES = frozenset({"smallint", "integer", "bigint"})
KEY_TYPES = NUMBER_TYPES | {"text", "character varying", "character", "uuid"}
SHARED_NAME = 3  # characters that the names of a key and its kind begin with alike
MOST_KINDS = 8  # of what one key may be of


def among_facts(
    models: Mapping[str, Model], tables: Mapping[str, FactTable], snapshot: Snapshot
) -> list[Across]:
    """Return the facts of this kind that all real rows keep."""
    pairs = snapshot.holding([*_halves_of_keys(models, tables)], tables)
    of_kinds = [
        fact
        for fact in snapshot.holding([*_keys_by_kind(models, tables, snapshot)], tables)
        # A handful of values is among those of another table by chance, in however many rows.
        if _is_named(fact, models) or snapshot.count_different(fact, tables) >= RARE
    ]
    first = {(fact.model, fact.column, fact.when): fact for fact in reversed([*pairs, *of_kinds])}
    return [fact for fact in reversed(first.values()) if snapshot.telling(fact, tables) >= RARE]


def _halves_of_keys(models: Mapping[str, Model], tables: Mapping[str, FactTable]) -> Iterator[Across]:
    """Yield columns that may be, beside a reference that two models have in common, half of a key of one."""
    for child, parent in permutations(models.values(), 2):
        if parent.reference or (parent.excerpt and child.unique_id in parent.excerpt.parents):
            continue  # rows that are made of the child's have its values, and decide none
        for names in dict.fromkeys((parent.primary_key, *parent.unique, *parent.derived_keys)):
            if len(names) == 2:  # noqa: PLR2004 - a pair
                references = [one.column for one in parent.foreign_keys]
                key, source = sorted(names, key=lambda name: name not in references)
                ways = [(key, source), (source, key)] if {key, source} <= {*references} else [(key, source)]
                halves = [one for way in ways for one in _half(child, parent, way, tables)]
                whose = child.ownership.column if child.ownership else ""
                yield from sorted(halves, key=lambda one: one.own != whose)[:1]  # whose rows they are stays


def _half(
    child: Model, parent: Model, names: tuple[str, str], tables: Mapping[str, FactTable]
) -> Iterator[Across]:
    """Yield that the second column of a key is, beside the first, one of those that the parent has."""
    key, source = names
    own = _same_reference(child, parent, key, tables)
    if own not in {"", source} and _is_free(child, source) and _alike(child, parent, source, tables):
        yield Across(child.unique_id, source, Way.AMONG, parent.unique_id, source, own, key)


def _same_reference(child: Model, parent: Model, key: str, tables: Mapping[str, FactTable]) -> str:
    """Return the column by which the child refers to what the parent refers to by `key`; "" if none does.

    Where the parent's refers to nothing, it is a label, and the child's is called alike.
    """
    theirs = next((_place(one) for one in parent.foreign_keys if one.column == key), None)
    ours = {_place(one): one.column for one in reversed(child.foreign_keys)}
    if theirs is not None:
        return ours.get(theirs, "")
    is_label = key not in ours.values() and (key,) not in {parent.primary_key, *parent.unique}
    return key if is_label and _alike(child, parent, key, tables) else ""


def _place(key: ForeignKey) -> tuple[str, str]:
    return key.parent, key.parent_column


def _is_free(model: Model, column: str) -> bool:
    """Return whether no key of the model's own rows holds the column."""
    own_keys = (model.primary_key, *model.unique)
    return not any(column in names for names in own_keys) and column not in model.roles


def _alike(child: Model, parent: Model, column: str, tables: Mapping[str, FactTable]) -> bool:
    """Return whether both have a column of this name, of one type."""
    kinds = [tables[model.unique_id].types.get(column) for model in (child, parent)]
    return kinds[0] is not None and kinds[0] == kinds[1]


def _keys_by_kind(
    models: Mapping[str, Model], tables: Mapping[str, FactTable], snapshot: Snapshot
) -> Iterator[Across]:
    """Yield columns that may hold the key of another model in rows of one kind, the likeliest model first."""
    owners = [(one, names[0]) for one in models.values() for names in _single_keys(one)]
    for child in models.values():
        keys = {key.column for key in child.foreign_keys}
        types = {name: kind for name, kind in tables[child.unique_id].types.items() if name not in keys}
        for column, by in permutations(types, 2):
            if _plain(types[column]) in KEY_TYPES and _is_free(child, column) and _go_together(column, by):
                table = tables[child.unique_id]
                kinds = snapshot.labels(table, by, fewest=RARE, most=MOST_KINDS + 1)
                for kind in kinds if len(kinds) <= MOST_KINDS and all(map(_is_word, kinds)) else ():
                    for parent, key in _by_name(owners, kind, number=_plain(types[column]) in NUMBER_TYPES):
                        if parent is not child and _plain(tables[parent.unique_id].types[key]) in KEY_TYPES:
                            place = (child.unique_id, column, Way.AMONG, parent.unique_id, key)
                            yield Across(*place, "", "", when=(by, kind))


def _is_word(kind: str) -> bool:
    """Return whether a label may name what a key is of: a number of days does not."""
    return any(map(str.isalpha, kind))


def _single_keys(model: Model) -> Iterable[tuple[str, ...]]:
    return dict.fromkeys(names for names in (model.primary_key, *model.unique) if len(names) == 1)


def _go_together(column: str, by: str) -> bool:
    """Return whether two names begin alike, such as `entity_id` and `entity_type`."""
    beginning = _shared_beginning(column, by)
    return SHARED_NAME <= beginning < min(len(column), len(by))


def _shared_beginning(one: str, other: str) -> int:
    """Return with how many characters two words begin alike."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _by_name(owners: Sequence[tuple[Model, str]], kind: str, *, number: bool) -> list[tuple[Model, str]]:
    """Return the owners of keys, those whose names are most like the kind first.

    Small numbers are among the numbers of any table by chance, so there the kind has to name the owner.
    """

    def likeness(owner: tuple[Model, str]) -> int:
        return _likeness(kind, *owner)

    fewest = min(SHARED_NAME, len(kind)) if number else 0
    return sorted((one for one in owners if likeness(one) >= fewest), key=likeness, reverse=True)


def _is_named(fact: Across, models: Mapping[str, Model]) -> bool:
    """Return whether the label of the rows that a fact is about names the owner of the key."""
    label = fact.when[1] if fact.when else ""
    return _likeness(label, models[fact.other], fact.source) >= SHARED_NAME


def _likeness(kind: str, owner: Model, key: str) -> int:
    """Return with how many characters a kind, and a word of an owner or the name of its key, begin alike."""
    names = (*owner.name.lower().split("_"), owner.name.lower(), key.lower())
    return max(_shared_beginning(kind.lower(), name) for name in names)


def _plain(kind: str) -> str:
    return kind.partition("(")[0].strip()
