"""Which rows of the models belong together by a key."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from synth.domain import Across, Role, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from synth.domain import Model
    from synth.warehouse.across import FactTable


@dataclass(frozen=True, slots=True)
class Link:
    """Rows of `many` hold in `column` the `key` of one row of `one` each.

    Attributes:
        single: no two rows of `many` hold the same.
        public: the rows of `one` are about nobody, and no twin of them is needed.
    """

    many: str
    column: str
    one: str
    key: str
    single: bool = False
    public: bool = False


def links_of(models: Mapping[str, Model]) -> list[Link]:
    """Return which rows belong together, those of a model and its parents first.

    Parents may be other rows of the model: the boss of an employee, the payment of a refund.
    """
    links = []
    for name, model in models.items():
        for key in model.foreign_keys:
            parent = models.get(key.parent)
            public = key.relation is not None or (parent is not None and bool(parent.reference))
            if (parent is None and not public) or key.column in model.seed_columns:
                continue
            if parent is None or (key.parent_column,) in {*parent.unique, parent.primary_key}:
                single = is_key(model, key.column)
                links.append(Link(name, key.column, key.parent, key.parent_column, single, public))
    apart = [link for link in links if link.many != link.one]
    siblings = [
        Link(many.many, many.column, one.many, one.column, many.single)
        for many, one in product(apart, apart)
        if one.single and many.many != one.many and (many.one, many.key) == (one.one, one.key)
    ]
    return [*links, *siblings]


def late_links(models: Mapping[str, Model]) -> list[Link]:
    """Return which row each row names by a key that is chosen late."""
    return [
        Link(name, key.column, key.parent, key.parent_column, single=True)
        for name, model in models.items()
        for key in model.late_keys
        if key.parent in models
    ]


def is_key(model: Model, column: str) -> bool:
    """Return whether no two rows of a model have one value of a column."""
    return (column,) in {*model.unique, model.primary_key}


def ways_up(links: Sequence[Link]) -> Iterator[tuple[Across, bool]]:
    """Yield copies of no column yet, from parents and theirs, and whether no two rows have one parent."""
    for link in links:
        yield Across(link.many, "", Way.COPY, link.one, "", link.column, link.key), link.single
    for link, other in product(links, links):
        if link.one == other.many and other.one not in {link.many, link.one} and not link.public:
            through = (link.one, link.key, other.column)
            blank = Across(link.many, "", Way.COPY, other.one, "", link.column, other.key, through)
            yield blank, link.single and other.single


def open_columns(
    models: Mapping[str, Model], tables: Mapping[str, FactTable], facts: Iterable[Across]
) -> dict[str, set[str]]:
    """Return of each model about somebody the columns that no key, no user, and no fact decides."""
    decided_columns = {(fact.model, fact.column) for fact in facts}
    return {
        name: {
            column
            for column in tables[name].types
            if (name, column) not in decided_columns and column not in {*keys_of(model), *user_columns(model)}
        }
        for name, model in models.items()
        if not model.reference
    }


def keys_of(model: Model) -> frozenset[str]:
    """Return columns that name rows, of this model or of others."""
    single = (columns[0] for columns in (model.primary_key, *model.unique) if len(columns) == 1)
    return frozenset((*single, *(key.column for key in (*model.foreign_keys, *model.late_keys))))


def user_columns(model: Model) -> frozenset[str]:
    """Return columns that the user has places about."""
    role_columns = {name for name, role in model.roles.items() if role in {Role.DROP, Role.KEEP}}
    return frozenset((*model.seed_columns, *model.balance, *role_columns))
