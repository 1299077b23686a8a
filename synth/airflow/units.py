"""Which models one mapped task works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def units(listed: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The names of the models of `synth ls --output json`, those that reference each other together.

    They are published together or not at all, and a child's keys are its parent's, so two tasks that work on
    them side by side would have to wait for each other.
    """
    together: dict[str, set[str]] = {one["unique_id"]: {one["unique_id"]} for one in listed}
    for one in listed:
        for parent in _parents(one):
            if parent in together and together[parent] is not together[one["unique_id"]]:
                merged = together[parent] | together[one["unique_id"]]
                together.update(dict.fromkeys(merged, merged))
    found, done = [], set[str]()
    for one in listed:
        if one["unique_id"] not in done:
            group = together[one["unique_id"]]
            done |= group
            found.append([other["name"] for other in listed if other["unique_id"] in group])
    return found


def _parents(one: Mapping[str, Any]) -> Iterable[str]:
    """Whose keys a model holds; the list says `model.project.name.column`."""
    return (str(key).rpartition(".")[0] for key in one.get("foreign_keys", {}).values())
