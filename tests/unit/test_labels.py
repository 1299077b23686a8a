"""What a dbt project says of its columns by classifiers, tags and meta, in the places of any version."""

from __future__ import annotations

from typing import Any

import pytest

from synth.project.labels import labels_of
from synth.project.manifest import DeclaredColumn, Node


def labels(node: dict[str, Any] | None = None, **column: Any) -> tuple[str, ...]:
    about = Node("model.shop.users", "users", "model", "shop", "users.sql", "users.yml", **(node or {}))
    fields = {"meta": {}, "shown_meta": {}, **column}
    return labels_of(about, DeclaredColumn("email", **fields))


def test_classifiers_come_before_tags_and_tags_before_meta() -> None:
    label_set = labels(classifiers=("pii.email",), tags=("gdpr",), own_tags=("gdpr",), meta={"pii": "phone"})
    assert label_set == ("pii.email", "gdpr", "pii.phone")


@pytest.mark.parametrize(
    ("meta", "label_names"),
    [
        ({"pii": True}, ("pii",)),
        ({"contains_pii": "true"}, ("pii",)),
        ({"pii": ["email", "name"]}, ("pii.email", "pii.name")),
        ({"classification": "PII"}, ("pii",)),
        ({"policy_tags": ["finance.iban"]}, ("finance.iban",)),
        ({"pii": False}, ()),
        ({"pii": "none"}, ()),
        ({"owner": "pii"}, ()),
        ({"pii": {"kind": "email"}}, ()),
    ],
)
def test_well_known_keys_of_meta_are_labels(meta: dict[str, Any], label_names: tuple[str, ...]) -> None:
    assert labels(meta=meta) == label_names
    assert labels(shown_meta=meta) == label_names


def test_what_newer_dbt_copies_from_the_model_says_nothing_of_the_column() -> None:
    model = {"tags": ("pii", "nightly"), "meta": {"pii": True}}
    assert labels(model, tags=("pii", "nightly"), shown_meta={"pii": True}) == ()
    assert labels(model, tags=("pii",), own_tags=("pii",)) == ("pii",)
    assert labels(model, meta={"pii": True}) == ("pii",)
