"""What the project's own tests state is known after `dbt parse`, too, which leaves their SQL out."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from synth.dbt.compiling import with_sql_of_tests
from synth.errors import ConfigError
from synth.project.manifest import DataTest, Manifest, Node

if TYPE_CHECKING:
    from pathlib import Path

NODE = Node("model.shop.sales", "sales", "model", "shop", "models/sales.sql", "models/sales.yml")
TAGGED_NODE = replace(
    NODE, config={"materialized": "table", "meta": {"synthesize": True}}, meta={"synthesize": True}
)
OWN = DataTest(
    "test.shop.net_below_total",
    "net_below_total",
    "expr",
    None,
    NODE.unique_id,
    None,
    {},
    (NODE.unique_id,),
    {},
    fqn=("shop", "net_below_total"),
    compiled_path="shop/models/sales.yml/net_below_total.sql",
)
SQL = "select * from s.sales where not (net <= total)"


class WithoutDbt(SimpleNamespace):
    """Settings with which no dbt can be started."""

    @property
    def artifact_dir(self) -> Path:
        """Say that nothing can be compiled."""
        raise ConfigError("there is no dbt")


def manifest(tmp_path: Path, *tests: DataTest, node: Node = TAGGED_NODE) -> Manifest:
    return Manifest(tmp_path / "manifest.json", "shop", "i", "now", {node.unique_id: node}, tests=tests)


def sql_of_tests(one: Manifest) -> list[str]:
    settings: Any = WithoutDbt()
    return [test.sql for test in with_sql_of_tests(settings, one).tests]


@pytest.fixture
def compiled_folder(tmp_path: Path) -> Path:
    path = tmp_path / "compiled" / OWN.compiled_path
    path.parent.mkdir(parents=True)
    path.write_text(SQL)
    return tmp_path


def test_the_sql_of_own_tests_is_read_where_dbt_left_it(compiled_folder: Path) -> None:
    assert sql_of_tests(manifest(compiled_folder, OWN)) == [SQL]
    assert sql_of_tests(manifest(compiled_folder, replace(OWN, sql="select 1"))) == ["select 1"]


def test_nothing_is_looked_for_where_it_is_of_no_use(compiled_folder: Path) -> None:
    assert sql_of_tests(manifest(compiled_folder, OWN, node=NODE)) == [""]  # no twin of it is wanted
    assert sql_of_tests(manifest(compiled_folder, replace(OWN, kind="unique", namespace=None))) == [""]


def test_a_test_that_nobody_can_compile_stays_without_sql(tmp_path: Path) -> None:
    assert sql_of_tests(manifest(tmp_path, OWN)) == [""]
