"""What holds around the remote backends: without their client, with odd surroundings, and for NeMo."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.doubles.work import repeat
from tests.handmade import ROOT, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doubles.nemo import NemoDouble
    from tests.services import Database

PROXY = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), PROXY)


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        yield handmade


@pytest.fixture
def without_client(project: Handmade, tmp_path: Path) -> Handmade:
    """A machine without gretel-client, with a broken configuration file of it, and behind a proxy."""
    home, modules = tmp_path / "home", tmp_path / "modules"
    (home / ".gretel").mkdir(parents=True)
    (home / ".gretel" / "config.json").write_text("{")
    modules.mkdir()
    (modules / "gretel_client.py").write_text("raise ImportError('not installed', name='gretel_client')\n")
    path = os.pathsep.join((str(modules), str(ROOT)))
    project.environment |= {"HOME": str(home), "PYTHONPATH": path, **PROXIES}
    return project


@pytest.mark.slow
def test_everything_but_gretel_works_without_its_client(without_client: Handmade) -> None:
    assert without_client.call("--help").code == 0
    answer = without_client.call("run", "--log-format", "json")
    assert (answer.code, answer.err) == (0, "")
    assert all(json.loads(line) for line in answer.out.splitlines())


def test_gretel_without_its_client_says_how_to_install_it(without_client: Handmade) -> None:
    access = {"GRETEL_API_KEY": "grtu0123", "GRETEL_PROJECT": "synth-demo"}
    answer = without_client.call("run", "--backend", "gretel", **access)
    assert answer.code == 2
    assert "needs gretel_client. Next: pip install 'dbt-synth[gretel]'" in answer.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "gretel", "gretel": {"model": "synthetics/default"}}, "Gretel has withdrawn its model"),
        ({"backend": "gretel", "gretel": {"modle": "actgan"}}, "did you mean `model`?"),
        ({"backend": "gretel", "seed_columns": ["city"]}, "backend gretel cannot keep to"),
        ({"backend": "nemo", "nemo": {"generation": {"temprature": 1}}}, "did you mean `temperature`?"),
        ({"backend": "nemo", "epsilon": 0.01}, "must be from 0.1 to 100 for nemo"),
        (
            {"backend": "nemo", "epsilon": 8, "entity": "city"},
            "`epsilon` would protect single rows, but city",
        ),
        ({"delta": 2}, "`meta.synth.delta`"),
    ],
)
def test_what_a_backend_cannot_do_stops_the_run_before_it_begins(
    project: Handmade, options: dict[str, object], message: str
) -> None:
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
    project.write(project.model("people", config=config) | project.key("people", "id"))
    access = {"GRETEL_API_KEY": "grtu0123", "GRETEL_PROJECT": "synth-demo", "GRETEL_ENDPOINT": PROXY}
    answer = project.synth("run", **access, NEMO_ENDPOINT=PROXY)
    assert answer.code == 1
    assert message in answer.text
    assert project.nothing_changed()


def test_nemo_makes_a_twin(project: Handmade, nemo: NemoDouble) -> None:
    answer = project.call("run", "--backend", "nemo", "--log-format", "json", **nemo.environment)
    assert (answer.code, answer.err) == (0, "")
    assert "nemo's own score 91" in answer.out
    assert len(project.rows(TWIN)) == 120
    assert nemo.left == []


def test_a_nemo_that_returns_the_real_rows_is_stopped_by_the_gate(
    project: Handmade, nemo: NemoDouble
) -> None:
    project.session.execute(
        "create table analytics.shop as select n as id, (hashint4(n) & 1048575) / 100.0 as spent, "
        "(hashint4(n + 1) & 1048575) / 7.0 as weight from generate_series(1, 1500) n"
    )
    project.write(project.model("shop") | project.key("shop", "id"))
    nemo.make = repeat
    answer = project.synth("run", "--backend", "nemo", **nemo.environment)
    assert answer.code == 1
    assert "exact_rows" in answer.text
    assert nemo.left == []


def test_debug_checks_nemo(project: Handmade, nemo: NemoDouble) -> None:
    answer = project.synth("debug", SYNTH_BACKEND="nemo", **nemo.environment)
    assert "nemo is ready" in answer.text
    assert nemo.submissions == []
    answer = project.synth("debug", SYNTH_BACKEND="nemo", **{**nemo.environment, "NEMO_TOKEN": "nvapi-other"})
    assert "refuses NEMO_TOKEN" in answer.text
    assert "nvapi-other" not in answer.text
