"""Where dbt is not installed, its tests are left out, and the run says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from synth.domain import Options, Policy, ProjectTest, Relation, Task
from synth.evaluate import LIMITS
from synth.pipeline import run
from synth.runs.invocation import Invocation
from tests.twins import TWINS, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database


@pytest.fixture
def studio(database: Database, tmp_path: Path) -> Iterator[Studio]:
    yield from Studio.open(database, tmp_path)


def test_a_run_without_dbt_publishes_and_warns(studio: Studio) -> None:
    studio.sql("create table people as select n as id, n % 3 as age from generate_series(1, 60) as n")
    test = ProjectTest("test.test.unique", "unique", ("test", "unique"), ("model.test.people",))
    model = studio.model("people", primary_key=("id",), tests=(test,))
    target = Relation(studio.database.name, TWINS, "people")
    wide = dict.fromkeys(LIMITS, 1e9)
    task = Task(model, target, Options(on_inconclusive=Policy.WARN, limits=wide))
    settings = replace(studio.settings(), dbt=None)
    ended_run = run(
        Invocation((task,), {model.unique_id: target}, {}, (model,)), settings, "20240101-00000001"
    )
    assert ended_run.exit_code == 0, ended_run.results
    text = (ended_run.folder / "synth.log").read_text()
    assert "dbt is not installed, so the project's tests are not run on the twins" in text
