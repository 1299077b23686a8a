"""What happens to a column, in words: for `synth ls`, which knows it beforehand, and for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.columns.replace import MAKERS
from synth.domain import RARE, Role

if TYPE_CHECKING:
    from collections.abc import Collection

    from synth.columns.roles import Treatment
    from synth.domain import Model

ACTIONS = {
    Role.KEY: "new keys that look alike, none of them real",
    Role.FOREIGN_KEY: "new keys, shared by about as many rows",
    Role.NATURAL_KEY: "new ones that look alike, shared by about as many rows, none of them real",
    Role.CATEGORY: f"learned; labels of fewer than {RARE} people become commoner ones",
    Role.NUMBER: f"learned; what fewer than {RARE} people hold is smoothed",
    Role.DATETIME: f"learned; what fewer than {RARE} people hold is smoothed",
    Role.BOOLEAN: "learned",
    Role.DATE_OF_BIRTH: "the year is learned, the day drawn",
    Role.FREE_TEXT: "NULL",
    Role.DROP: "left out",
    Role.KEEP: "learned; public, so its values may be repeated, however rare",
}
FEW_VALUES = "few values"
MADE = "new keys, or what its SQL makes of other columns of the row"
SEED = "as in the source (seed_columns)"


def action_of(role: Role | str) -> str:
    """Return what happens to columns of a role, as far as the role alone says it."""
    return ACTIONS.get(Role(role), "made up")


def action(treatment: Treatment, model: Model, twins: Collection[str]) -> str:
    """Return what happens to one column.

    Args:
        treatment: of the column.
        model: whose column it is.
        twins: every model that has a twin or asks for one, by `unique_id`.
    """
    late = {key.column: key.parent for key in model.late_keys}.get(treatment.column.name)
    parent = treatment.parent.parent if treatment.parent else late
    if treatment.column.name in model.seed_columns:
        return SEED
    if treatment.role is Role.FREE_TEXT:
        instead = "placeholder text" if treatment.is_required else "NULL"
        return f"{instead}: {why_empty(treatment.origin)}"
    if treatment.role is Role.FOREIGN_KEY and parent in {*twins, model.unique_id}:
        return f"keys of the twin of {parent}"
    if treatment.shared is not None and treatment.role in {Role.FOREIGN_KEY, Role.NATURAL_KEY}:
        return f"keys that the twin of {treatment.shared.parent} has, too"
    if treatment.what in MAKERS and treatment.role not in {Role.CATEGORY, Role.DATE_OF_BIRTH}:
        return f"made-up {treatment.what}"
    is_made = treatment.role is Role.KEY and treatment.column.name in {one.column for one in model.formulas}
    return MADE if is_made else action_of(treatment.role)


def why_empty(origin: str) -> str:
    """Return why a column of texts is NULL in the twin, by where its role came from."""
    if origin == "declared":
        return "declared as free_text"
    for start, words in (("label ", "it has the "), ("mentions ", "it "), ("references go", "")):
        if origin.startswith(start):
            return f"{words}{origin}"
    if origin == "unshared values":
        return "its values are not shared between rows"
    if origin == FEW_VALUES:
        return f"fewer than {RARE} people have a value"
    return f"by its {origin}, it is text that people wrote"
