"""Rows that an owner and a number tell apart are all in the twin, each number once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Stays of patients without gaps in their numbers, in the order of their days.
STAYS = """
create table analytics.patients as select n as patient_id, 20 + n % 60 as age from generate_series(1, 250) n;
create table analytics.stays as
select
    n as stay_id, patient_id, admitted, ward,
    row_number() over (partition by patient_id order by admitted, n)::int as number
from (
    select
        n, 1 + (hashint4(n) & 255) * (hashint4(n + 2) & 255) / 261 as patient_id,
        date '2023-01-01' + (hashint4(n + 5) & 511) as admitted,
        (array['medicine', 'surgery', 'eyes'])[1 + (hashint4(n + 9) & 65535) % 3] as ward
    from generate_series(1, 700) n
) as drawn
"""
GAPS = """
select patient_id from synthetic.stays group by 1 having max(number) <> count(*) or min(number) <> 1
"""


def one_row_per(*columns: str) -> dict[str, Any]:
    unique_id = "test.hand.one_row_per_stays"
    node = {
        "unique_id": unique_id,
        "name": "one_row_per_stays",
        "resource_type": "test",
        "test_metadata": {
            "name": "unique_combination_of_columns",
            "namespace": "dbt_utils",
            "kwargs": {"combination_of_columns": [*columns]},
        },
        "attached_node": "model.hand.stays",
        "depends_on": {"nodes": ["model.hand.stays"]},
        "config": {"severity": "ERROR"},
    }
    return {unique_id: node}


@pytest.mark.slow  # learns two models
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hardly_a_row_is_left_out_for_its_number(database: Database, tmp_path: Path, seed: int) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(STAYS)
        config = {"materialized": "table", "meta": {"synthesize": True}}
        project.write(
            project.model("patients", config=config)
            | project.model("stays", config=config)
            | project.key("patients", "patient_id")
            | project.key("stays", "stay_id")
            | project.reference("stays", "patient_id", "patients", "patient_id")
            | one_row_per("patient_id", "number")
        )
        answer = project.synth("run", "--seed", str(seed), SYNTH_ON_INCONCLUSIVE="warn")
        assert answer.code == 0, answer.text
        assert "rows of stays left out" not in answer.text
        assert project.value("select count(*) from synthetic.stays") >= 0.8 * 700
        assert not project.rows(GAPS)
