"""The state that dbt defers to: twins and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from synth.dbt.state import SECTIONS, write_state
from synth.domain import Relation

if TYPE_CHECKING:
    from pathlib import Path

TWINS = {
    "model.shop.orders.v2": Relation("w", "synthetic", "orders_v2"),
    "snapshot.shop.plans": Relation("w", "synthetic", 'my "plans"'),
}


def test_a_node_leads_to_its_twin_and_nothing_else_is_known(tmp_path: Path) -> None:
    folder = write_state(tmp_path / "state", TWINS)
    content = json.loads((folder / "manifest.json").read_text())
    assert set(content["nodes"]) == set(TWINS)
    node = content["nodes"]["model.shop.orders.v2"]
    assert [node[key] for key in ("resource_type", "package_name", "name")] == ["model", "shop", "orders"]
    assert [node[key] for key in ("database", "schema", "alias")] == ["w", "synthetic", "orders_v2"]
    assert content["nodes"]["snapshot.shop.plans"]["relation_name"] == '"w"."synthetic"."my ""plans"""'
    assert all(content[section] == {} for section in SECTIONS)


def test_an_older_state_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_state(tmp_path, TWINS)
    write_state(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    assert json.loads((tmp_path / "manifest.json").read_text())["nodes"] == {}
