"""What a twin was made from, in a few digests: when none of them changed, neither would the twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth._version import __version__
from synth.domain import values_that_decide
from synth.project.digests import MODEL, TESTS, UPSTREAM, digest
from synth.warehouse.ledger import ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Column, Task
    from synth.settings import Settings

TYPES, SETTINGS, VERSION, PARENT = "types", "settings", "version", "parent "
# What to say of the first part that changed, in the order in which causes come before their effects.
CHANGES = {
    MODEL: "the model was edited",
    UPSTREAM: "a model that it is built from was edited",
    TESTS: "its tests changed",
    TYPES: "its columns changed",
    SETTINGS: "its settings changed",
    ROWS: "its rows changed",
    VERSION: "it was made by another version of synth",
}


def inputs(
    task: Task,
    settings: Settings,
    *,
    columns: Sequence[Column],
    rows: str,
    options: Mapping[str, object],
    parents: Mapping[str, str],
) -> dict[str, str]:
    """Return everything that decides what the twin of a task is, each part by its digest.

    Args:
        task: what to make.
        settings: of the run.
        columns: of the model's relation.
        rows: names exactly the rows that it holds.
        options: what decides what the gate will find, from `synth.runs.attempts`.
        parents: which twin of each referenced model its keys come from, by `unique_id`.
    """
    model = task.model
    decisions = (
        options,
        model.backend_options,
        model.labels,
        model.held_keys,
        model.ownership,
        model.reference,
        model.unlinked_columns,
        *([model.late_keys] if model.late_keys else []),
        values_that_decide(task.options, "makes_twin"),
        values_that_decide(settings.options, "makes_twin"),
        settings.store if "://" in settings.store else "",
        task.by_guarantee,
        *([model.excerpt] if model.excerpt else []),
    )
    own_rows = {} if model.excerpt else {ROWS: rows}  # those of the whole decide
    return {
        **model.file_digests,
        TYPES: digest(columns),
        SETTINGS: digest(*decisions),
        **own_rows,
        VERSION: __version__,
        **{f"{PARENT}{name}": parent_digest for name, parent_digest in sorted(parents.items())},
    }


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return what changed, in words; empty when nothing did."""
    for part, text in CHANGES.items():
        if old.get(part) != new.get(part):
            return text
    for part in sorted(old.keys() | new.keys()):
        if part.startswith(PARENT) and old.get(part) != new.get(part):
            return f"the twin of {part.removeprefix(PARENT)}, which it references, is another one"
    return ""
