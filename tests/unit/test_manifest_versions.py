"""Every dbt from 1.8 on writes a manifest of its own shape, and means the same by it.

`tests/fixtures/manifests/make.py` had each of them parse one project. That of dbt 2 was made of another by
what is known of its differences.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.declarations import read_models
from synth.domain import Relation
from synth.project.labels import labels_of
from synth.project.manifest import read_manifest
from synth.project.profiles import Connection

MANIFESTS = Path(__file__).parent.parent / "fixtures" / "manifests"
VERSIONS = ("dbt_1_8", "dbt_1_9", "dbt_1_10", "dbt_1_11", "dbt_2")
CONNECTION = Connection(
    host="h",
    port=5432,
    user="u",
    password="p",
    profiles_dir=Path(),
    profile="hire",
    targets=("dev",),
    database="warehouse",
    schema="analytics",
    target="dev",
)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_model_is_found_with_its_relation(version: str) -> None:
    declarations = read_models(read_manifest(MANIFESTS / f"{version}.json"), CONNECTION)
    assert declarations.warnings == ()
    assert {model.unique_id: (model.materialized, model.relation) for model in declarations.models} == {
        "model.hire.members": ("table", Relation("warehouse", "analytics", "members")),
        "model.hire.hires": ("incremental", Relation("warehouse", "analytics", "hires")),
        "model.hire.activity": ("materialized_view", Relation("warehouse", "analytics", "activity")),
        "model.hire.bicycles.v1": ("table", Relation("warehouse", "analytics", "bicycles_v1")),
        "model.hire.bicycles.v2": ("table", Relation("warehouse", "analytics", "fleet")),
        "seed.hire.stations": ("seed", Relation("warehouse", "analytics", "stations")),
        "snapshot.hire.member_plans": ("snapshot", Relation("warehouse", "history", "member_plans")),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_options_keys_and_facts_are_the_same(version: str) -> None:
    declarations = read_models(read_manifest(MANIFESTS / f"{version}.json"), CONNECTION)
    models = {model.unique_id.split(".", 2)[2]: model for model in declarations.models}
    members, hires, plans = models["members"], models["hires"], models["member_plans"]
    assert (members.options, members.entity) == (models["members"].options, "member_id")
    assert members.options["rows"].of(7) == 500
    assert members.primary_key == ("member_id",)
    assert {"member_id", "email"} <= members.not_null
    assert hires.primary_key == ("hire_id",)
    assert "member_id" not in hires.not_null  # the test only warns
    (key,) = hires.foreign_keys
    assert (key.column, key.parent, key.parent_column) == ("member_id", "model.hire.members", "member_id")
    assert plans.history is not None
    assert (plans.history.whose, plans.history.end) == ("member_id", "dbt_valid_to")
    assert not models["bicycles.v1"].roles


@pytest.mark.parametrize("version", VERSIONS)
def test_tests_and_what_is_disabled_are_told_apart(version: str) -> None:
    manifest = read_manifest(MANIFESTS / f"{version}.json")
    kinds = sorted({test.kind for test in manifest.tests})
    assert kinds == ["accepted_values", "at_least", "not_null", "relationships", "unique"]
    assert [test.name for test in manifest.singular] == ["hires_have_members"]
    assert [node.name for node in manifest.disabled_nodes] == ["old"]
    assert manifest.warnings == ()
    warns = {test.name for test in manifest.tests if test.config["severity"].lower() == "warn"}
    assert warns == {"not_null_hires_member_id"}


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_of_columns_are_read_where_they_are_written(version: str) -> None:
    members = read_manifest(MANIFESTS / f"{version}.json").nodes["model.hire.members"]
    assert "pii" in labels_of(members, members.columns["email"])
    assert "pii" not in labels_of(members, members.columns["plan"])
