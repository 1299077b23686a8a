"""Our part of the selection grammar agrees with the real `dbt ls`, which leaves the manifest as it is."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from synth.dbt.selection import select
from synth.declarations import read_models
from synth.project.manifest import read_manifest
from synth.settings import Flags, Settings, resolve
from tests.warm import call_dbt

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: shop
on-run-end: ["{{ log('a hook talks', info=true) }}"]
models:
  +meta: {synthesize: true}
  shop:
    staging: {+materialized: view}
    marts: {+materialized: table, +tags: [mart]}
  inner: {+materialized: table}
seeds: {+meta: {synthesize: true}}
""",
    "profiles.yml": """
shop:
  outputs:
    default: {type: postgres, host: localhost, port: 5432, user: u, pass: p, dbname: w, schema: s}
""",
    "packages.yml": "packages: [{local: inner}]\n",
    "inner/dbt_project.yml": "name: inner\nversion: '1.0'\n",
    "inner/models/regions.sql": "select 1 as id",
    "seeds/raw_users.csv": "id\n1\n",
    "models/staging/_sources.yml": "sources: [{name: app, tables: [{name: orders}, {name: events}]}]\n",
    "models/staging/stg_users.sql": "select * from {{ ref('raw_users') }}",
    "models/staging/stg_orders.sql": "select * from {{ source('app', 'orders') }}",
    "models/marts/users.sql": "select * from {{ ref('stg_users') }}",
    "models/marts/core/orders.sql": "select * from {{ ref('stg_orders') }}, {{ ref('users') }}",
    "models/marts/core/events.sql": "{{ config(tags=['big']) }} select * from {{ source('app', 'events') }}",
    "models/marts/products_v1.sql": "select 1 as id",
    "models/marts/products_v2.sql": "select 2 as id",
    "models/marts/_models.yml": """
models:
  - name: users
    columns: [{name: id, data_tests: [unique, not_null]}]
  - name: products
    latest_version: 2
    versions: [{v: 1}, {v: 2}]
""",
}
FEW = ("marts.core.*", "products", "path:models/marts", "config.materialized:view", "source:app+", "1+orders")
MANY = (
    "users",
    "shop.marts",
    "st?_*",
    "products.v1",
    "products_v2",
    "tag:mart,tag:big",
    "tag:b*",
    "path:models/marts/*",
    "path:models/marts/core/",
    "path:models/**/*.sql",
    "models/staging/stg_users.sql",
    "orders.sql",
    "file:orders",
    "package:inner",
    "package:this",
    "fqn:shop.staging.stg_users",
    "resource_type:seed",
    "config.meta.synthesize:TRUE",
    "config.tags:big",
    "source:app.ev*+1",
    "raw_users+2",
    "+users+",
    "users events",
    "+orders,tag:mart",
    "nothing",
)
SLOW = pytest.mark.slow  # dbt takes a second to answer
SELECTIONS = (*FEW, *(pytest.param(selection, marks=SLOW) for selection in MANY))
EXCLUSIONS = (
    "users+",
    *(pytest.param(spec, marks=SLOW) for spec in ("tag:mart", "package:inner", "models/marts/core")),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def settings(project: Path) -> Settings:
    read_settings = resolve(Flags(project_dir=project, profiles_dir=project))
    if read_settings.dbt is None:
        pytest.skip("dbt is not installed")
    for command in ("deps", "parse"):
        process = call_dbt(project, ("--quiet", command, "--profiles-dir", str(project)), {})
        assert process.returncode == 0, process.stdout + process.stderr
    return read_settings


def chosen_models(
    settings: Settings, *, with_dbt: bool, names: tuple[str, ...] = (), excluded_names: tuple[str, ...] = ()
) -> set[str]:
    manifest = read_manifest(settings.project.manifest_path)
    request = dataclasses.replace(settings, select=names, exclude=excluded_names)
    request = request if with_dbt else dataclasses.replace(request, dbt=None)
    models = read_models(manifest, settings.connection).models
    return {model.unique_id for model in select(manifest, models, request)}


def listing(settings: Settings, flag: str, specification: str) -> set[str]:
    """What `dbt ls` says to a flag, of models and seeds that are tagged."""
    kinds = [word for kind in ("model", "snapshot", "seed") for word in ("--resource-type", kind)]
    folder = settings.project.directory
    where = ("--no-write-json", "--profiles-dir", str(folder))
    output = ("--output", "json", "--output-keys", "unique_id")
    process = call_dbt(folder, ("--quiet", "ls", *where, *output, *kinds, flag, specification), {})
    assert process.returncode == 0, process.stdout + process.stderr
    lines = [line for line in process.stdout.splitlines() if line.startswith("{")]  # a hook talks
    return {json.loads(line)["unique_id"] for line in lines} & chosen_models(settings, with_dbt=False)


@pytest.fixture(autouse=True)
def _quiet_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "1")


@pytest.mark.parametrize("selection", SELECTIONS)
def test_own_selection_agrees_with_dbt(settings: Settings, selection: str) -> None:
    ours = chosen_models(settings, with_dbt=False, names=(selection,))
    assert ours == listing(settings, "--select", selection)


@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_own_exclusion_agrees_with_dbt(settings: Settings, exclusion: str) -> None:
    ours = chosen_models(settings, with_dbt=False, excluded_names=(exclusion,))
    assert ours == listing(settings, "--exclude", exclusion)


@pytest.mark.slow
def test_asking_dbt_leaves_the_manifest_as_it_is(settings: Settings) -> None:
    before = settings.project.manifest_path.read_bytes()
    answer = chosen_models(settings, with_dbt=True, names=("users+",), excluded_names=("marts.core",))
    assert answer == {"model.shop.users"}
    assert settings.project.manifest_path.read_bytes() == before
    assert json.loads(before)["metadata"]["project_name"] == "shop"
