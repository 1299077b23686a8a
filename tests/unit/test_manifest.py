"""A manifest is read as it is, whoever wrote it, or refused with what to do next.

The fixture, written by dbt 1.11 and trimmed, holds

    raw_users → stg_users → users → users_history (snapshot)
    source app.orders → stg_orders → orders → int_orders (ephemeral) → user_days
    accounts · products v1, v2 · old (disabled) · inner.regions (a package's)
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from synth.declarations import Declarations, read_models, tagged_nodes
from synth.domain import Relation, Role, Rows
from synth.errors import ManifestError
from synth.project.manifest import Manifest, fold, read_manifest
from synth.project.profiles import Connection

FIXTURE = Path(__file__).parent.parent / "fixtures" / "manifest_v12.json"
USERS = "model.shop.users"


@pytest.fixture
def content() -> Any:
    return json.loads(FIXTURE.read_text())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "manifest.json"


def connection(**other: str) -> Connection:
    return Connection(
        host="h",
        port=5432,
        user="u",
        password="p",
        profiles_dir=Path(),
        profile="shop",
        targets=("dev", "prod"),
        database=other.get("database", "warehouse"),
        schema=other.get("schema", "analytics"),
        target="dev",
    )


def read(place: Path, content: Any) -> Manifest:
    place.write_text(json.dumps(content))
    return read_manifest(place, pause=0)


def declarations(place: Path, content: Any, **target: str) -> Declarations:
    return read_models(read(place, content), connection(**target))


def refusal(place: Path, content: Any, name: str = USERS) -> str:
    """Why one model is refused, and no other."""
    others = declarations(place, content)
    (only_refusal,) = others.refusals
    assert only_refusal.model.unique_id == name
    assert name not in {model.unique_id for model in others.models}
    return only_refusal.message


def tag(content: Any, name: str = USERS, **meta: Any) -> Any:
    content["nodes"][name]["config"]["meta"] = meta
    return content


# --- the file


def test_a_missing_manifest_names_the_path_and_the_command(place: Path) -> None:
    with pytest.raises(ManifestError, match=r"No manifest at .*manifest\.json; run `dbt run`"):
        read_manifest(place)


@pytest.mark.parametrize("text", ["", '{"metadata": {', '{"metadata": "\ud800', "\x00"])
def test_a_manifest_that_stays_cut_off_is_refused(place: Path, text: str) -> None:
    place.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ManifestError, match="is empty or cut off; run `dbt parse`"):
        read_manifest(place, pause=0)


def test_a_manifest_that_dbt_is_just_writing_is_read_a_moment_later(place: Path, content: Any) -> None:
    place.write_text('{"metadata": {')
    writer = threading.Timer(0.1, place.write_text, [json.dumps(content)])
    writer.start()
    assert USERS in read_manifest(place, pause=0.6).nodes
    writer.join()


def test_a_manifest_that_cannot_be_opened_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"metadata": {}}', '{"metadata": {}, "nodes": []}'])
def test_json_that_is_no_manifest_is_refused(place: Path, text: str) -> None:
    place.write_text(text)
    with pytest.raises(ManifestError, match="is not a dbt manifest"):
        read_manifest(place)


def test_a_manifest_of_a_strange_shape_is_refused_and_not_a_crash(place: Path, content: Any) -> None:
    content["nodes"][USERS]["columns"] = {"email": "text"}
    with pytest.raises(ManifestError, match="does not have the shape of a dbt manifest"):
        read(place, content)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("depends_on", "nodes"), [[None]], "`nodes` is [[None]], no list of text"),
        (("config", "meta"), "yes", "`meta` is 'yes', no mapping"),
        (("columns", "user_id", "meta"), ["x"], "user_id: `meta` is ['x'], no mapping"),
        (("columns", "user_id", "constraints"), [3], "user_id: `constraints` is [3], no list of mappings"),
        (("name",), {"x": 1}, "`name` is {'x': 1}, no text"),
        (("fqn",), "shop", "`fqn` is 'shop', no list of text"),
    ],
)
def test_parts_of_another_kind_are_refused_by_name(
    place: Path, content: Any, path: tuple[str, ...], value: object, message: str
) -> None:
    node = content["nodes"][USERS]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(ManifestError, match=re.escape(f"{USERS}: {message}")):
        read(place, content)


def test_another_adapter_is_refused(place: Path, content: Any) -> None:
    content["metadata"]["adapter_type"] = "duckdb"
    with pytest.raises(ManifestError, match="was written for duckdb; synth works on postgres only"):
        read(place, content)


@pytest.mark.parametrize(("version", "warnings"), [("v12", 0), ("v20", 0), ("v11", 1), ("v13", 1)])
def test_unknown_schema_versions_are_read_with_a_warning(
    place: Path, content: Any, version: str, warnings: int
) -> None:
    content["metadata"]["dbt_schema_version"] = f"https://schemas.getdbt.com/dbt/manifest/{version}.json"
    manifest = read(place, content)
    assert len(manifest.warnings) == warnings
    assert all(version in warning for warning in manifest.warnings)


def test_resource_types_that_nobody_knows_yet_are_no_problem(place: Path, content: Any) -> None:
    content["nodes"]["dream.shop.x"] = {"unique_id": "dream.shop.x", "resource_type": "dream"}
    assert read(place, content).nodes["dream.shop.x"].resource_type == "dream"


# --- which models


def test_tagged_models_and_snapshots_come_with_options_roles_and_relation(place: Path, content: Any) -> None:
    model_by_name = {model.name: model for model in declarations(place, content).models}
    assert sorted(model_by_name) == ["accounts", "orders", "user_days", "users", "users_history"]
    users = model_by_name["users"]
    assert users.options == {"rows": Rows(count=100)}
    assert (users.entity, users.roles) == ("user_id", {"email": Role.EMAIL})
    assert users.path == "models/marts/_models.yml"
    assert model_by_name["orders"].relation == Relation("warehouse", "analytics", "fct_orders")
    assert model_by_name["users_history"].materialized == "snapshot"


@pytest.mark.parametrize(
    ("value", "is_tagged"), [("TRUE", True), ("false", False), (False, False), (None, False)]
)
def test_synthesize_takes_booleans_and_their_names(
    place: Path, content: Any, value: object, is_tagged: bool
) -> None:
    names = {node.unique_id for node in tagged_nodes(read(place, tag(content, synthesize=value)))}
    assert (USERS in names) is is_tagged


@pytest.mark.parametrize("value", ["yes", 1, [True], {"on": True}])
def test_any_other_synthesize_is_an_error_that_names_file_and_model(
    place: Path, content: Any, value: object
) -> None:
    message = refusal(place, tag(content, synthesize=value))
    assert "_models.yml (model.shop.users): `meta.synthesize` must be" in message


def test_meta_outside_config_is_read_when_config_has_none(place: Path, content: Any) -> None:
    node = tag(content)["nodes"][USERS]
    node["meta"] = {"synthesize": True}
    assert USERS in {node.unique_id for node in tagged_nodes(read(place, content))}


def test_settings_without_the_tag_and_a_misspelt_tag_are_warnings(place: Path, content: Any) -> None:
    declared_models = declarations(place, tag(content, synth={"rows": 3}, synthesise=True))
    assert len(declared_models.warnings) == 2
    assert "has `meta.synth` but no `meta.synthesize: true`" in declared_models.warnings[0]
    assert (
        "`meta.synthesise`, which means nothing to synth; did you mean `synthesize`?"
        in declared_models.warnings[1]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"row": 5},
            r"_models\.yml \(model\.shop\.users\): unknown key `meta\.synth\.row`; did you mean `rows`\?",
        ),
        ({"rows": "many"}, r"`meta\.synth\.rows`: give a whole number"),
        ({"rows": True}, r"`meta\.synth\.rows`: give a whole number"),
        ({"seed": 2**32}, r"`meta\.synth\.seed`: give a whole number"),
        ({"entity": ["a"]}, r"`meta\.synth\.entity`: should be a valid string"),
        (
            {"balance": {"a": {"x": 0.6, "y": 0.6}}},
            r"balance\.a`: the shares must add up to more than 0 and at",
        ),
        ({"balance": {"a": {"x": 1.5}}}, r"`meta\.synth\.balance\.a`: give uniform, or a share from 0 to 1"),
        ({"balance": {"a": "even"}}, r"`meta\.synth\.balance\.a`: give uniform, or a share from 0 to 1"),
        (
            {"balance": {"a": "uniform"}, "seed_columns": ["b"]},
            r"has both `seed_columns` and `balance`, which decide the same rows; keep one",
        ),
        ({"on_inconclusive": "maybe"}, r"`meta\.synth\.on_inconclusive`: give block, warn or protect"),
        (True, r"`meta\.synth` must be a mapping"),
        (False, r"`meta\.synth` must be a mapping"),
    ],
)
def test_wrong_options_name_file_model_and_key(
    place: Path, content: Any, options: object, message: str
) -> None:
    assert re.search(message, refusal(place, tag(content, synthesize=True, synth=options)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"role": "emial"}, r"column 'email': unknown `meta\.synth\.role` 'emial'; did you mean `email`\?"),
        ({"rolle": "email"}, r"column 'email': unknown key `meta\.synth\.rolle`; did you mean `role`\?"),
        ({"sensitive": "yes"}, r"column 'email': `meta\.synth\.sensitive`: should be a valid boolean"),
    ],
)
def test_wrong_column_settings_name_the_column(
    place: Path, content: Any, options: object, message: str
) -> None:
    content["nodes"][USERS]["columns"]["email"]["config"]["meta"] = {"synth": options}
    assert re.search(message, refusal(place, content))


def test_what_newer_dbt_copies_from_the_model_to_its_columns_is_no_column_setting(
    place: Path, content: Any
) -> None:
    for column in content["nodes"][USERS]["columns"].values():
        column["meta"] = {"synthesize": True, "synth": {"rows": 100}}
        column["config"] = {}
    users = next(model for model in declarations(place, content).models if model.name == "users")
    assert users.roles == {}


def test_a_role_where_older_dbt_keeps_it_is_an_error_because_it_would_be_overlooked(
    place: Path, content: Any
) -> None:
    content["nodes"][USERS]["columns"]["email"].update(meta={"synth": {"role": "email"}}, config={})
    message = refusal(place, content)
    assert re.search(r"column 'email'.*write `config: \{meta: \{synth: \{role: email\}\}\}`", message)


def test_column_names_are_folded_as_postgres_folds_them(place: Path, content: Any) -> None:
    columns = content["nodes"][USERS]["columns"]
    columns["Email"] = {**columns.pop("email"), "name": "Email"}
    users = next(model for model in declarations(place, content).models if model.name == "users")
    assert set(users.roles) == {"email"}


def test_the_shape_that_newer_dbt_writes_reads_the_same(place: Path, content: Any) -> None:
    before = declarations(place, content).models
    content["metadata"]["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v20.json"
    for key in ("docs", "group_map", "unit_tests", "exposures"):
        del content[key]
    for node in content["nodes"].values():
        node["config"]["severity"] = node["config"].get("severity", "error").upper()
        node.get("test_metadata", {}).pop("namespace", None)
        node.pop("language", None)
        for column in node.get("columns", {}).values():
            for constraint in column["constraints"]:
                constraint["columns"] = None
    assert declarations(place, content).models == before


# --- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"materialized": "ephemeral"}}, "an ephemeral model is no relation; materialize it"),
        ({"language": "python"}, "a Python model does not run on Postgres"),
        ({"relation_name": None}, "the manifest names no relation for it"),
    ],
)
def test_models_that_cannot_have_a_twin_are_refused_by_name(
    place: Path, content: Any, change: dict[str, Any], message: str
) -> None:
    node = content["nodes"][USERS]
    node["config"] |= change.pop("config", {})
    node |= change
    assert re.search(rf"model\.shop\.users\) asks for a twin, but {message}", refusal(place, content))


def test_a_disabled_model_that_asks_is_refused(place: Path, content: Any) -> None:
    content["disabled"]["model.shop.old"][0]["config"]["meta"] = {"synthesize": True}
    message = refusal(place, content, "model.shop.old")
    assert "old.sql (model.shop.old) asks for a twin, but it is disabled" in message


def test_a_relation_that_contradicts_its_parts_is_refused(place: Path, content: Any) -> None:
    content["nodes"][USERS]["alias"] = "people"
    assert '"users" is not warehouse.analytics.people' in refusal(place, content)


def test_names_that_dbt_leaves_unquoted_are_folded(place: Path, content: Any) -> None:
    content["nodes"][USERS].update(alias="Users", relation_name="warehouse.analytics.Users")
    users = next(model for model in declarations(place, content).models if model.name == "users")
    assert users.relation == Relation("warehouse", "analytics", "users")


def test_quoted_names_may_hold_dots_and_quotes(place: Path, content: Any) -> None:
    content["nodes"][USERS].update(alias='a."b', relation_name='"warehouse"."analytics"."a.""b"')
    users = next(model for model in declarations(place, content).models if model.name == "users")
    assert users.relation.name == 'a."b'


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"database": "prod"}, "is in database 'warehouse', target 'dev' means 'prod'"),
        ({"schema": "prod"}, "is in schema 'analytics', target 'dev' means 'prod'"),
    ],
)
def test_a_manifest_of_another_target_is_refused(
    place: Path, content: Any, target: dict[str, str], message: str
) -> None:
    with pytest.raises(ManifestError, match=message) as error:
        declarations(place, content, **target)
    assert "Run `dbt run --target dev`, or synth with the --target" in str(error.value)
    assert "(others: prod)" in str(error.value)


def test_a_custom_schema_is_expected_behind_the_targets(place: Path, content: Any) -> None:
    declared_models = declarations(place, tag(content, "model.shop.stg_users", synthesize=True))
    assert Relation("warehouse", "analytics_stg", "stg_users") in {
        model.relation for model in declared_models.models
    }
    content["nodes"]["model.shop.stg_users"]["config"]["schema"] = "other"
    assert "'dev' means 'analytics_other'" in refusal(place, content, "model.shop.stg_users")


@pytest.mark.parametrize(
    ("package", "name"), [("shop", "generate_schema_name"), ("any", "postgres__generate_schema_name")]
)
def test_a_project_that_names_schemas_its_own_way_is_believed(
    place: Path, content: Any, package: str, name: str
) -> None:
    content["macros"]["macro.x"] = {"package_name": package, "name": name}
    assert declarations(place, content, schema="elsewhere").models


def test_a_macro_of_another_package_does_not_loosen_the_check(place: Path, content: Any) -> None:
    content["macros"]["macro.x"] = {"package_name": "inner", "name": "generate_schema_name"}
    with pytest.raises(ManifestError, match="was written for another target"):
        declarations(place, content, schema="elsewhere")


def test_an_older_snapshot_is_where_its_target_schema_says(place: Path, content: Any) -> None:
    node = content["nodes"]["snapshot.shop.users_history"]
    node["config"]["target_schema"] = node["schema"] = "history"
    node["relation_name"] = '"warehouse"."history"."users_history"'
    assert "history" in {model.relation.schema for model in declarations(place, content).models}


@pytest.mark.parametrize(
    ("identifier", "column"),
    [("User_ID", "user_id"), ('"User ""ID"""', 'User "ID"'), (" a ", "a"), ('"', '"')],
)
def test_identifiers_are_folded_unless_quoted(identifier: str, column: str) -> None:
    assert fold(identifier) == column


def test_what_is_said_of_columns_comes_with_their_names_as_sql_takes_them(place: Path, content: Any) -> None:
    options = {"seed_columns": ["Email", "Email"], "target": "EMAIL", "limits": {"near_copies": 0.1}}
    meta = {"synth": {"sensitive": True}}
    content["nodes"][USERS]["columns"]["email"].update(meta=meta, config={"meta": meta})
    models = declarations(place, tag(content, synthesize=True, synth=options)).models
    users = next(model for model in models if model.unique_id == USERS)
    assert (users.seed_columns, users.target_column) == (("email",), "email")
    assert users.sensitive == {"email"}
    assert users.options["limits"] == {"near_copies": 0.1}


def test_a_sensitive_column_where_older_dbt_keeps_it_is_an_error(place: Path, content: Any) -> None:
    content["nodes"][USERS]["columns"]["email"].update(meta={"synth": {"sensitive": True}}, config={})
    message = refusal(place, content)
    assert "`meta.synth.sensitive` is read from the column's `config` only" in message
