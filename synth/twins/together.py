"""Which twins of a cluster may be published when others of it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.domain import Model


def held_back(
    cluster: Sequence[Model],
    holds: Mapping[str, Collection[str]],
    failed_ids: Collection[str],
    before: Collection[str],
) -> dict[str, str]:
    """Return why a twin that is good itself must not be published, by `unique_id`; the others may be.

    A twin needs the parents whose new keys it holds. A parent may not be replaced while the twin of before of
    a child holds its keys, unless that child is replaced in the same transaction.

    Args:
        cluster: the models, parents before children.
        holds: whose new keys each good twin holds, by `unique_id`.
        failed_ids: the models without a good twin.
        before: the models that have a published twin from before.
    """
    names = {model.unique_id: model for model in cluster}
    reasons: dict[str, str] = {}
    while True:
        lost_ids = {*failed_ids, *reasons}
        step = {
            name: reason
            for name in names
            if name not in lost_ids and (reason := _hindrance(name, names, holds, lost_ids, before))
        }
        if not step:
            return reasons
        reasons |= step


def _hindrance(
    name: str,
    names: Mapping[str, Model],
    holds: Mapping[str, Collection[str]],
    lost_ids: Collection[str],
    before: Collection[str],
) -> str:
    parents = sorted(set(holds.get(name, ())) & set(lost_ids))
    if parents:
        return f"it belongs together with {', '.join(names[one].name for one in parents)}, which failed"
    children = sorted(
        child.name
        for child in names.values()
        if child.unique_id in lost_ids and child.unique_id in before and name in child.mentioned_models
    )
    if children:
        children_text = ", ".join(children)
        return (
            f"it belongs together with {children_text}, which failed and whose twin of before holds its keys"
        )
    return ""
