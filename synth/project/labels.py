"""How a dbt project calls its columns: classifiers, tags and well-known keys of `meta`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from synth.project.manifest import DeclaredColumn, Node

# Keys whose value is true, or says of what kind; and keys whose value is a label.
PERSONAL = frozenset({"pii", "contains_pii", "is_pii", "has_pii", "personal_data", "gdpr"})
CLASSIFIER_KEYS = frozenset(
    {"classification", "classifications", "data_classification", "sensitivity", "privacy", "policy_tags"}
)
NO = frozenset({"", "false", "no", "none", "n/a", "public"})


def labels_of(node: Node, column: DeclaredColumn) -> tuple[str, ...]:
    """Return the project's words for `column` by weight; a model's own tags and meta do not count.

    Newer dbt copies them onto every column.
    """
    tags = (tag for tag in column.tags if tag in column.own_tags or tag not in node.tags)
    own_meta = {key: value for key, value in column.shown_meta.items() if node.meta.get(key) != value}
    meta = {**own_meta, **column.meta}
    return tuple(dict.fromkeys((*column.classifiers, *tags, *_of_meta(meta.items()))))


def _of_meta(items: Iterable[tuple[str, object]]) -> Iterable[str]:
    for key, value in items:
        name = key.lower()
        for text in _texts(value):
            if name in PERSONAL:
                yield "pii" if text == "true" else f"pii.{text}"
            elif name in CLASSIFIER_KEYS:
                yield text


def _texts(value: object) -> tuple[str, ...]:
    """Return the values of a key as texts in lower case, without those that say no."""
    items = value if isinstance(value, list) else [value]
    texts = (str(one).strip().lower() for one in items if isinstance(one, str | bool))
    return tuple(text for text in texts if text not in NO)
