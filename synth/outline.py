"""The project as `synth plan` shows it: who is protected, by which tables, what becomes of each, and why."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from synth.domain import Role
from synth.graph.telling import about, explain, is_inferred, model_name, not_copied
from synth.graph.words import is_somebody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from synth.domain import ForeignKey, Model
    from synth.listing import ColumnListing, ModelListing

WIDTH = 80  # columns of a terminal
SMALL = 1_000  # rows of a table that a declaration could make reference data
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY})
LEARNED_ROLES = frozenset(
    {Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP, Role.DATE_OF_BIRTH}
)
OF_PEOPLE = frozenset({Role.NAME, Role.EMAIL, Role.DATE_OF_BIRTH, Role.ADDRESS})
UNSURE = frozenset({"unknown", "unshared values"})  # origins of what was decided for safety


@dataclass(frozen=True, slots=True)
class TableFamily:
    """The tables whose rows are about one kind of entity; without a root, each row is its own."""

    root: str  # unique_id
    members: tuple[ModelListing, ...]


def families(listings: Sequence[ModelListing]) -> tuple[TableFamily, ...]:
    """Return the tables by whom their rows are about, the largest family first; copied ones are in none."""
    groups: dict[str, list[ModelListing]] = defaultdict(list)
    for one in listings:
        model = one.task.model
        if not model.reference:
            groups[model.ownership.root if model.ownership else model.unique_id].append(one)
    alone = tuple(members[0] for root, members in groups.items() if _is_alone(root, members))
    table_families = [
        TableFamily(root, tuple(sorted(members, key=lambda one: one.task.model.unique_id != root)))
        for root, members in groups.items()
        if not _is_alone(root, members)
    ]
    table_families.sort(key=lambda family: (-len(family.members), family.root))
    return (*table_families, *([TableFamily("", alone)] if alone else []))


def as_tree(listings: Sequence[ModelListing], width: int = WIDTH) -> str:
    """Return lines no wider than `width`: the families, then what is copied, then hints."""
    lines: list[str] = []
    for family in families(listings):
        lines.append(_headline(family))
        for one in family.members:
            lines += _table(one, width)
    references = [one for one in listings if one.task.model.reference]
    if references:
        lines.append("Copied as reference, because they are about nobody")
        for one in references:
            lines += _entry(f"{one.task.model.name}: {one.task.model.reference}", width)
    hints = list(_hints(listings))
    if hints:
        lines.append("Decided for safety; a line in `meta: {synth: …}` changes it")
        for hint in hints:
            lines += _entry(hint, width)
    return "\n".join(lines)


def as_json(listings: Sequence[ModelListing]) -> str:
    """Return the same as one JSON object."""
    content = {
        "families": [
            {"root": family.root or None, "models": [_as_document(one) for one in family.members]}
            for family in families(listings)
        ],
        "reference": [_as_document(one) for one in listings if one.task.model.reference],
        "for_safety": list(_hints(listings)),
    }
    return json.dumps(content, ensure_ascii=False, indent=2)


def _is_alone(root: str, members: Sequence[ModelListing]) -> bool:
    model = members[0].task.model
    return len(members) == 1 and model.unique_id == root and about(model) == "each row on its own"


def _headline(family: TableFamily) -> str:
    if not family.root:
        return "Each row on its own"
    return f"Rows about {model_name(family.root)}"


def _table(one: ModelListing, width: int) -> list[str]:
    """Return a table with what becomes of its columns, and what it refers to below."""
    model = one.task.model
    fates = Counter("taken" if model.excerpt else _fate(entry, model) for entry in one.columns)
    parts = [f"{count} {what if count > 1 or what != 'keys' else 'key'}" for what, count in fates.items()]
    head = f"  {model.name}  {_rows(one)}  {', '.join(parts) or one.note}"
    lines = wrap(head, width, subsequent_indent=" " * 6)
    if model.excerpt:
        same = "the same of those twins" if model.excerpt.query else "the same part of that twin"
        lines += _entry(f"{model.excerpt}: {same}", width, indent=4)
    whose = model.ownership
    direct = whose and not whose.path and any(key.column == whose.column for key in model.foreign_keys)
    if about(model) != "each row on its own" and not direct:
        lines += _entry(f"about {about(model)}", width, indent=4)
    common = {key.column for key in model.shared_keys}
    keys = [
        f"{key.column} → {model_name(key.parent)} ({_why(key, model)})"
        for key in model.foreign_keys
        if key.column not in common
    ]
    keys += [f"{key.column} ~ {model_name(key.parent)} ({key.test})" for key in model.shared_keys]
    lines += _entry("; ".join(keys), width, indent=4) if keys else []
    for fact in one.across:
        lines += _entry(str(fact), width, indent=4)
    return lines + [part for line in one.domains for part in _wrap(line, width)]


def _wrap(text: str, width: int) -> list[str]:
    """Return a text in as many lines as it takes, below a table."""
    return wrap(text, width, initial_indent=" " * 4, subsequent_indent=" " * 6)


def _fate(entry: ColumnListing, model: Model) -> str:
    """Return what becomes of a column: learned, replaced, computed, emptied, left out, …."""
    if entry.name in model.unlinked_columns:
        return "emptied"
    if any(formula.column == entry.name for formula in model.formulas):
        return "computed"
    role = entry.role
    if not role:
        return "stop the run"
    if role in LEARNED_ROLES:
        return "learned"
    if role in KEYS:
        return "keys"
    return {Role.FREE_TEXT: "emptied", Role.DROP: "left out"}.get(Role(role), "replaced")


def _why(key: ForeignKey, model: Model) -> str:
    if any(fact.source == key.test for fact in model.facts) or any(
        test.name == key.test for test in model.tests
    ):
        return "test" if not key.orphans else f"test, {key.orphans:.1%} orphans"
    by_sql = key.test.startswith(("both are copies", "the SQL makes both"))
    words = "SQL" if by_sql else "names and values"
    return words if not key.orphans else f"{words}, {key.orphans:.1%} orphans"


def _hints(listings: Sequence[ModelListing]) -> Iterator[str]:
    """Yield what was decided for safety alone, and what a declaration would gain."""
    for one in listings:
        model = one.task.model
        if is_inferred(model) and model.ownership and model.ownership.root == model.unique_id:
            yield f"{model.name}: rows are about {explain(model)}"
        if model.reference_doubt:
            yield not_copied(model)
    small = [
        f"{one.task.model.name} ({_rows(one)})" for one in listings if _could_be_reference(one, listings)
    ]
    if small:
        yield f"`reference: true` copies what is about nobody: {', '.join(small)}?"
    unsure = [_columns(one, lambda entry: entry.origin in UNSURE and bool(entry.role)) for one in listings]
    if any(unsure):
        yield f"`role: category` keeps labels of: {', '.join(filter(None, unsure))}"
    stopping = [_columns(one, lambda entry: not entry.role) for one in listings]
    if any(stopping):
        yield f"a `role` has to be declared for: {', '.join(filter(None, stopping))}"


def _columns(one: ModelListing, is_shown: Callable[[ColumnListing], bool]) -> str:
    names = [entry.name for entry in one.columns if is_shown(entry)]
    return f"{one.task.model.name}.{'/'.join(names)}" if names else ""


def _could_be_reference(one: ModelListing, listings: Sequence[ModelListing]) -> bool:
    """Return whether a small table looks like reference data: referred to, about nobody, no link table.

    Accounts and the like are somebody's, whatever their columns hold.
    """
    model = one.task.model
    parents = {key.parent for other in listings for key in other.task.model.foreign_keys}
    if (
        model.reference
        or model.reference_doubt
        or model.declared_reference is not None
        or model.unique_id not in parents
    ):
        return False
    ways = [key for key in model.foreign_keys if not key.public and key.parent != model.unique_id]
    names_people = is_somebody(model.name) or any(entry.role in OF_PEOPLE for entry in one.columns)
    return one.rows is not None and one.rows <= SMALL and not names_people and len(ways) <= 1


def _as_document(one: ModelListing) -> dict[str, object]:
    model = one.task.model
    return {
        "unique_id": model.unique_id,
        "rows": one.rows,
        "about": about(model),
        "evidence": model.ownership.evidence if model.ownership else None,
        "reference": model.reference or None,
        "excerpt": str(model.excerpt) if model.excerpt else None,
        "guarantee": _guarantee(one),
        "references": [
            {
                "column": key.column,
                "parent": key.parent,
                "parent_column": key.parent_column,
                "evidence": key.test,
                "orphans": key.orphans,
                "public": key.public,
            }
            for key in model.foreign_keys
        ],
        "shared_keys": {key.column: f"{key.parent}.{key.parent_column}" for key in model.shared_keys},
        "across": [str(fact) for fact in one.across],
        "columns": {
            entry.name: {
                "becomes": "taken" if model.excerpt else _fate(entry, model),
                "role": entry.role or None,
                "origin": entry.origin,
            }
            for entry in one.columns
        },
    }


def _guarantee(one: ModelListing) -> dict[str, object] | None:
    """Return what is promised of a twin by guarantee, for programs."""
    guarantee = one.task.guarantee
    if not one.task.by_guarantee or one.task.model.reference or one.task.model.excerpt:
        return None
    return {
        "epsilon": guarantee.epsilon,
        "delta": guarantee.delta,
        "public": {name: source for name, source in one.sources.items() if name not in one.paid_columns},
        "paid_for": list(one.paid_columns),
    }


def _rows(one: ModelListing) -> str:
    return "? rows" if one.rows is None else f"{one.rows:,} row{'' if one.rows == 1 else 's'}"


def _entry(text: str, width: int, *, indent: int = 2) -> list[str]:
    """Return a text in one or two lines; the rest of it is cut off."""
    lines = wrap(text, width - indent - 2, break_long_words=True)
    space = " " * indent
    visible_lines = [space + lines[0], *(f"{space}  {line}" for line in lines[1:2])]
    return [*visible_lines[:-1], visible_lines[-1][: width - 1] + "…"] if len(lines) > 2 else visible_lines  # noqa: PLR2004 - lines
