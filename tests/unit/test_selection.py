"""Without dbt, a stated part of its grammar is answered from the manifest; with dbt, dbt is asked.

The graph of the fixture is drawn in `test_manifest.py`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from synth.dbt.selection import select
from synth.dbt.selectors import match
from synth.declarations import read_models
from synth.errors import ConfigError
from synth.project.manifest import Manifest, read_manifest
from synth.settings import Flags, Settings, resolve

if TYPE_CHECKING:
    from synth.domain import Model

FIXTURE = Path(__file__).parent.parent / "fixtures" / "manifest_v12.json"
PROFILES = (
    "shop: {outputs: {default: {type: postgres, host: h, port: 5432, user: u, password: p, "
    "dbname: warehouse, schema: analytics}}}"
)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(FIXTURE)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(PROFILES)
    read_settings = resolve(Flags(project_dir=tmp_path, profiles_dir=tmp_path), {})
    return dataclasses.replace(read_settings, dbt=None)


@pytest.fixture
def models(manifest: Manifest, settings: Settings) -> tuple[Model, ...]:
    return read_models(manifest, settings.connection).models


def names(manifest: Manifest, *specs: str, exclude: tuple[str, ...] = ()) -> set[str]:
    return {name.partition(".")[2] for name in match(manifest, specs, exclude)}


@pytest.mark.parametrize(
    ("spec", "selection"),
    [
        ("users", {"shop.users"}),
        ("shop.marts.users", {"shop.users"}),
        ("marts.users", {"shop.users"}),
        ("stg_*", {"shop.stg_users", "shop.stg_orders"}),
        ("shop.staging.*", {"shop.stg_users", "shop.stg_orders"}),
        ("fqn:inner", {"inner.regions"}),
        ("products", {"shop.products.v1", "shop.products.v2"}),
        ("products.v1", {"shop.products.v1"}),
        ("products_v2", {"shop.products.v2"}),
        ("prod*", {"shop.products.v1", "shop.products.v2"}),
        ("tag:money", {"shop.orders"}),
        ("tag:p*", {"shop.users", "shop.orders"}),
        ("package:inner", {"inner.regions"}),
        ("path:models/staging", {"shop.stg_users", "shop.stg_orders", "shop.app.orders", "shop.app.events"}),
        ("models/marts/users.sql", {"shop.users"}),
        ("models/marts/*_v?.sql", {"shop.products.v1", "shop.products.v2"}),
        ("path:models/**/users.sql", {"shop.users"}),
        ("path:./models/marts/us*", {"shop.users", "shop.user_days"}),
        ("path:models/regions.sql", set()),
        ("users.sql", {"shop.users"}),
        ("file:users", {"shop.users"}),
        ("resource_type:snapshot", {"shop.users_history"}),
        ("config.materialized:view", {"shop.stg_users", "shop.stg_orders"}),
        ("config.meta.synth.entity:user_id", {"shop.users"}),
        ("config.tags:money", {"shop.orders"}),
        ("config.contract.enforced:TRUE", {"shop.accounts"}),
        ("source:app", {"shop.app.orders", "shop.app.events"}),
        ("source:app.orders", {"shop.app.orders"}),
        ("source:shop.app.ev*", {"shop.app.events"}),
        ("nothing", set()),
        ("shop.marts.users.deeper", set()),
        ("config.none.such:1", set()),
    ],
)
def test_every_method_selects_what_dbt_selects(manifest: Manifest, spec: str, selection: set[str]) -> None:
    assert names(manifest, spec) == selection


@pytest.mark.parametrize(
    ("spec", "selection"),
    [
        ("+users", {"shop.raw_users", "shop.stg_users", "shop.users"}),
        ("1+users", {"shop.stg_users", "shop.users"}),
        ("users+", {"shop.users", "shop.users_history", "shop.accounts"}),
        ("raw_users+1", {"shop.raw_users", "shop.stg_users"}),
        ("1+orders+1", {"shop.stg_orders", "shop.orders", "shop.int_orders"}),
        ("source:app.orders+2", {"shop.app.orders", "shop.stg_orders", "shop.orders"}),
        ("tag:people,+user_days", {"shop.orders"}),
        ("users orders", {"shop.users", "shop.orders"}),
    ],
)
def test_graph_operators_intersections_and_unions_work(
    manifest: Manifest, spec: str, selection: set[str]
) -> None:
    assert names(manifest, spec) == selection


def test_several_selections_are_a_union_and_exclusions_are_taken_away(manifest: Manifest) -> None:
    assert names(manifest, "users", "orders", exclude=("tag:money",)) == {"shop.users"}
    assert "shop.users" not in names(manifest, exclude=("users",))
    assert "shop.orders" in names(manifest, exclude=("users",))


@pytest.mark.parametrize(
    "spec", ["@users", "state:modified", "group:x", "tag.x:y", "config:x", "source:a.b.c.d", "+"]
)
def test_what_is_beyond_the_grammar_is_an_error_that_says_to_install_dbt(
    manifest: Manifest, spec: str
) -> None:
    with pytest.raises(ConfigError, match="more than synth understands without dbt; install it"):
        names(manifest, spec)


def test_without_a_selection_every_tagged_model_is_meant(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings
) -> None:
    assert select(manifest, models, settings) == models


def test_only_tagged_models_are_ever_selected(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings
) -> None:
    chosen_models = select(manifest, models, dataclasses.replace(settings, select=("+users",)))
    assert [model.name for model in chosen_models] == ["users"]
    assert select(manifest, models, dataclasses.replace(settings, select=("stg_users",))) == ()


def test_a_yaml_selector_needs_dbt(manifest: Manifest, models: tuple[Model, ...], settings: Settings) -> None:
    with pytest.raises(ConfigError, match="--selector needs dbt; install it"):
        select(manifest, models, dataclasses.replace(settings, selector="nightly"))


def script(folder: Path, body: str) -> Path:
    """A stand-in for the dbt command, for what the real one does rarely."""
    place = folder / "dbt"
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)
    return place


def test_noise_among_the_answers_of_dbt_is_left_aside(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings, tmp_path: Path
) -> None:
    answers = ("hello from a hook", "[1]", '{"x": 1}', '{"unique_id": "model.shop.users"}')
    noise = "\n".join(f"echo '{answer}'" for answer in answers)
    changed_settings = dataclasses.replace(settings, dbt=script(tmp_path, noise), select=("x",))
    assert [model.name for model in select(manifest, models, changed_settings)] == ["users"]


def test_dbt_is_asked_about_the_same_project_profile_target_and_vars(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings, tmp_path: Path
) -> None:
    dbt = script(tmp_path, f"printf '%s\\n' \"$@\" > {tmp_path}/arguments")
    flags = dataclasses.replace(settings.flags, vars="{a: 1}")
    select(manifest, models, dataclasses.replace(settings, dbt=dbt, flags=flags, exclude=("a", "b")))
    arguments = (tmp_path / "arguments").read_text().split("\n")
    after = {word: arguments[place + 1] for place, word in enumerate(arguments[:-1])}
    assert after["--project-dir"] == after["--profiles-dir"] == str(tmp_path)
    assert (after["--profile"], after["--target"]) == ("shop", "default")
    assert after["--target-path"] == str(tmp_path / "target")
    assert after["--vars"] == "{a: 1}"
    assert arguments.count("--exclude") == 2
    assert "--no-write-json" in arguments


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo '12:00:01  Runtime Error'; echo \"12:00:01    no selector 'x'\"; exit 2", "no selector 'x'$"),
        ("exit 1", "it gave no reason"),
    ],
)
def test_the_last_line_of_a_dbt_that_refuses_is_passed_on(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings, tmp_path: Path, body: str, reason: str
) -> None:
    changed_settings = dataclasses.replace(settings, dbt=script(tmp_path, body), selector="x")
    with pytest.raises(ConfigError, match=f"`dbt ls` refuses the selection: {reason}"):
        select(manifest, models, changed_settings)


def test_a_dbt_that_cannot_be_started_is_an_error_of_ours(
    manifest: Manifest, models: tuple[Model, ...], settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="could not be run"):
        select(manifest, models, dataclasses.replace(settings, dbt=tmp_path / "gone", select=("x",)))
