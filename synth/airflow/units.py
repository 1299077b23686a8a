"""Which models one mapped task works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def units(listings: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the names of the models of `synth ls --output json`, those that reference each other together.

    They are published together or not at all, and a child's keys are its parent's, so two tasks that work on
    them side by side would have to wait for each other.
    """
    together: dict[str, set[str]] = {one["unique_id"]: {one["unique_id"]} for one in listings}
    for one in listings:
        for parent in _parents(one):
            if parent in together and together[parent] is not together[one["unique_id"]]:
                members = together[parent] | together[one["unique_id"]]
                together.update(dict.fromkeys(members, members))
    groups, grouped_ids = [], set[str]()
    for one in listings:
        if one["unique_id"] not in grouped_ids:
            group = together[one["unique_id"]]
            grouped_ids |= group
            groups.append([other["name"] for other in listings if other["unique_id"] in group])
    return groups


def _parents(one: Mapping[str, Any]) -> Iterable[str]:
    """Return whose keys a model holds; the list says `model.project.name.column`."""
    keys = (*one.get("foreign_keys", {}).values(), *one.get("shared_keys", {}).values())
    return (str(key).rpartition(".")[0] for key in keys)
