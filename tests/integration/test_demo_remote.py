"""`make demo BACKEND=gretel`: the whole demo, with the work done by a stand-in, at the gate's own limits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from synth.services import down
from tests.doubles.fixtures import needs_client
from tests.doubles.gretel import KEY
from tests.doubles.nemo import TOKEN
from tests.handmade import ROOT
from tests.services import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = ("models", "macros", "seeds", "tests/dbt", "dbt_project.yml", "profiles.yml.example")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What of this repository the demo needs, with services of its own."""
    folder = tmp_path_factory.mktemp("demo")
    for name in PROJECT:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    yield folder
    down(folder / ".synth")


@pytest.mark.slow
@pytest.mark.parametrize("backend", [pytest.param("gretel", marks=needs_client), "nemo"])
def test_the_demo_by_a_stand_in_publishes_and_says_that_it_was_one(checkout: Path, backend: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.doubles.demo", backend],
        cwd=checkout,
        env={**clean_environment(), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    beginning, _, rest = process.stdout.partition("$ synth run")
    assert f"No live service is reached. A stand-in for {backend}" in beginning
    assert "OK published synthetic.session_features_by_user" in rest
    assert "checks pass" in rest
    assert "jobs and files left there: 0." in rest.splitlines()[-1]
    assert not any(secret in process.stdout + process.stderr for secret in (KEY, TOKEN))
    (result,) = json.loads((checkout / "target/synth/run_results.json").read_text())["results"]
    assert result["backend"] == backend
