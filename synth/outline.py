"""The project as `synth plan` shows it: who is protected, by which tables, what becomes of each, and why."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from synth.domain import Role
from synth.graph.telling import about, explained, is_inferred, model_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from synth.domain import ForeignKey, Model
    from synth.listing import Entry, Listed

WIDTH = 80  # columns of a terminal
SMALL = 1_000  # rows of a table that a declaration could make reference data
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY})
LEARNED = frozenset({Role.CATEGORY, Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.KEEP, Role.DATE_OF_BIRTH})
OF_PEOPLE = frozenset({Role.NAME, Role.EMAIL, Role.DATE_OF_BIRTH, Role.ADDRESS})
UNSURE = frozenset({"unknown", "unshared values"})  # origins of what was decided for safety


@dataclass(frozen=True, slots=True)
class Family:
    """The tables whose rows are about one kind of entity; without a root, each row is its own."""

    root: str  # unique_id
    members: tuple[Listed, ...]


def families(listed: Sequence[Listed]) -> tuple[Family, ...]:
    """The tables by whom their rows are about, the largest family first; copied ones are in none."""
    groups: dict[str, list[Listed]] = defaultdict(list)
    for one in listed:
        model = one.task.model
        if not model.reference:
            groups[model.ownership.root if model.ownership else model.unique_id].append(one)
    alone = tuple(members[0] for root, members in groups.items() if _is_alone(root, members))
    found = [
        Family(root, tuple(sorted(members, key=lambda one: one.task.model.unique_id != root)))
        for root, members in groups.items()
        if not _is_alone(root, members)
    ]
    found.sort(key=lambda family: (-len(family.members), family.root))
    return (*found, *([Family("", alone)] if alone else []))


def as_tree(listed: Sequence[Listed], width: int = WIDTH) -> str:
    """Lines to read, none of them wider than `width`: families, then what is copied, then what to know."""
    lines: list[str] = []
    for family in families(listed):
        lines.append(_headline(family))
        for one in family.members:
            lines += _table(one, width)
    copied = [one for one in listed if one.task.model.reference]
    if copied:
        lines.append("Copied as reference, because they are about nobody")
        for one in copied:
            lines += _entry(f"{one.task.model.name}: {one.task.model.reference}", width)
    hints = list(_hints(listed))
    if hints:
        lines.append("Decided for safety; a line in `meta: {synth: …}` changes it")
        for hint in hints:
            lines += _entry(hint, width)
    return "\n".join(lines)


def as_json(listed: Sequence[Listed]) -> str:
    """The same as one JSON object."""
    content = {
        "families": [
            {"root": family.root or None, "models": [_described(one) for one in family.members]}
            for family in families(listed)
        ],
        "reference": [_described(one) for one in listed if one.task.model.reference],
        "for_safety": list(_hints(listed)),
    }
    return json.dumps(content, ensure_ascii=False, indent=2)


def _is_alone(root: str, members: Sequence[Listed]) -> bool:
    model = members[0].task.model
    return len(members) == 1 and model.unique_id == root and about(model) == "each row on its own"


def _headline(family: Family) -> str:
    if not family.root:
        return "Each row on its own"
    return f"Rows about {model_name(family.root)}"


def _table(one: Listed, width: int) -> list[str]:
    """A table in one line, and what it refers to below."""
    model = one.task.model
    fates = Counter(_fate(entry, model) for entry in one.columns)
    parts = [f"{count} {what if count > 1 or what != 'keys' else 'key'}" for what, count in fates.items()]
    head = f"  {model.name}  {_rows(one)}  {', '.join(parts) or one.note}"
    lines = [_cut(head, width)]
    whose = model.ownership
    direct = whose and not whose.path and any(key.column == whose.column for key in model.foreign_keys)
    if about(model) != "each row on its own" and not direct:
        lines += _entry(f"about {about(model)}", width, indent=4)
    keys = [f"{key.column} → {model_name(key.parent)} ({_why(key, model)})" for key in model.foreign_keys]
    return lines + (_entry("; ".join(keys), width, indent=4) if keys else [])


def _fate(entry: Entry, model: Model) -> str:
    """What becomes of a column: learned, keys, replaced, computed, emptied, left out, or the run stops."""
    if entry.name in model.unlinked:
        return "emptied"
    if any(formula.column == entry.name for formula in model.formulas):
        return "computed"
    role = entry.role
    if not role:
        return "stop the run"
    if role in LEARNED:
        return "learned"
    if role in KEYS:
        return "keys"
    return {Role.FREE_TEXT: "emptied", Role.DROP: "left out"}.get(Role(role), "replaced")


def _why(key: ForeignKey, model: Model) -> str:
    if any(fact.source == key.test for fact in model.facts) or any(
        test.name == key.test for test in model.tests
    ):
        return "test" if not key.orphans else f"test, {key.orphans:.1%} orphans"
    words = "SQL" if key.test.startswith("both are copies") else "names and values"
    return words if not key.orphans else f"{words}, {key.orphans:.1%} orphans"


def _hints(listed: Sequence[Listed]) -> Iterator[str]:
    """What was decided for safety alone, and what a declaration would gain."""
    for one in listed:
        model = one.task.model
        if is_inferred(model) and model.ownership and model.ownership.root == model.unique_id:
            yield f"{model.name}: rows are about {explained(model)}"
    small = [f"{one.task.model.name} ({_rows(one)})" for one in listed if _could_be_reference(one, listed)]
    if small:
        yield f"`reference: true` copies what is about nobody: {', '.join(small)}?"
    unsure = [_columns(one, lambda entry: entry.origin in UNSURE and bool(entry.role)) for one in listed]
    if any(unsure):
        yield f"`role: category` keeps labels of: {', '.join(filter(None, unsure))}"
    stopping = [_columns(one, lambda entry: not entry.role) for one in listed]
    if any(stopping):
        yield f"a `role` has to be declared for: {', '.join(filter(None, stopping))}"


def _columns(one: Listed, chosen: Callable[[Entry], bool]) -> str:
    names = [entry.name for entry in one.columns if chosen(entry)]
    return f"{one.task.model.name}.{'/'.join(names)}" if names else ""


def _could_be_reference(one: Listed, listed: Sequence[Listed]) -> bool:
    """Whether a small table that others refer to holds nobody's name, and is no link between others."""
    model = one.task.model
    referred = {key.parent for other in listed for key in other.task.model.foreign_keys}
    if model.reference or model.declared_reference is not None or model.unique_id not in referred:
        return False
    ways = [key for key in model.foreign_keys if not key.public and key.parent != model.unique_id]
    named = any(entry.role in OF_PEOPLE for entry in one.columns)
    return one.rows is not None and one.rows <= SMALL and not named and len(ways) <= 1


def _described(one: Listed) -> dict[str, object]:
    model = one.task.model
    return {
        "unique_id": model.unique_id,
        "rows": one.rows,
        "about": about(model),
        "evidence": model.ownership.evidence if model.ownership else None,
        "reference": model.reference or None,
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
        "columns": {
            entry.name: {"becomes": _fate(entry, model), "role": entry.role or None, "origin": entry.origin}
            for entry in one.columns
        },
    }


def _rows(one: Listed) -> str:
    return "? rows" if one.rows is None else f"{one.rows:,} row{'' if one.rows == 1 else 's'}"


def _entry(text: str, width: int, *, indent: int = 2) -> list[str]:
    """A text in one or two lines; the rest of it is cut off."""
    lines = wrap(text, width - indent - 2, break_long_words=True)
    space = " " * indent
    kept = [space + lines[0], *(f"{space}  {line}" for line in lines[1:2])]
    return [*kept[:-1], kept[-1][: width - 1] + "…"] if len(lines) > 2 else kept  # noqa: PLR2004 - lines


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
