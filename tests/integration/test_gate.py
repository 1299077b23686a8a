"""What the gate lets through and what it stops, with backends that cheat in every way known."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cheats import HEAD, PEOPLE, TWIN
from tests.handmade import COMMENT, Handmade
from tests.services import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services import Endpoints
    from tests.services import Database

fresh_database = contextmanager(database.__wrapped__)  # type: ignore[attr-defined] # pytest keeps the function

BACKENDS = {
    "bootstrap": "return real.sample(rows, replace=True, random_state=1).reset_index(drop=True)",
    "noisy": """
copied = real.sample(rows, replace=True, random_state=1).reset_index(drop=True)
for name in ("income", "spent"):
    copied[name] = (copied[name] + rng.normal(0, .01 * real[name].std(), rows)).round(2)
return copied
""",
    "mixed": "return with_rows(some(rows // 50))",
    "outliers": "return with_rows(isolated(rows // 100))",
    "spliced": """
parts = (["city", "age"], ["member", "since"], ["income", "spent"])
blocks = [real[part].sample(rows, replace=True, random_state=i).reset_index(drop=True)
          for i, part in enumerate(parts)]
return pd.concat(blocks, axis=1)[list(real.columns)]
""",
    "resampled": """
columns = {name: real[name].sample(rows, replace=True, random_state=i) for i, name in enumerate(real)}
return pd.DataFrame({name: values.reset_index(drop=True) for name, values in columns.items()})
""",
}
CHECKS_BY_LEAK = {
    "bootstrap": {"exact_rows"},
    "noisy": {"membership"},
    "mixed": {"exact_rows"},
    "outliers": {"exact_rows"},
    "spliced": {"values"},
    "resampled": {"values"},
}
SLOW = CHECKS_BY_LEAK.keys() - {"outliers"}  # the unit tests of the checks show the same without a warehouse


@contextmanager
def build(services: Endpoints, folder: Path, rows: int) -> Iterator[Handmade]:
    """People with a published twin, and every backend installed."""
    with fresh_database(services) as fresh, Handmade.made(fresh, folder) as project:
        project.session.execute(PEOPLE.format(rows=rows).encode())
        project.write({**project.model("people"), **project.key("people", "id")})
        project.environment["SYNTH_ON_INCONCLUSIVE"] = "block"  # what is not published is what this is about
        for name, body in BACKENDS.items():
            project.backend(name, HEAD + body)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder / "plugins"))
            yield project


@pytest.fixture(scope="module")
def published_project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """7,000 training rows and a twin that passed at the defaults."""
    with build(services, tmp_path_factory.mktemp("gate"), 8750) as project:
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        yield project


def reject(project: Handmade, *arguments: str) -> None:
    """Run, and see that the twin is rejected and nothing changes but the ledger."""
    before = project.value(TWIN), project.value(COMMENT)
    answer = project.synth("run", "--force-retry", "a test", *arguments)
    assert answer.code == 1, answer.text
    assert (project.value(TWIN), project.value(COMMENT)) == before
    run_id = project.results()["metadata"]["invocation_id"]
    folder = project.folder / "target/synth/runs" / run_id / "people"
    assert (folder / "report.html").stat().st_size > 1000
    assert not (project.folder / "store" / "twins" / run_id).exists()
    assert f"See target/synth/runs/{run_id}/people/report.html" in answer.text
    ledger = project.rows(
        "select published_at, fidelity, verdict, source_fingerprint is not null from synthetic._synth_runs"
        f" where run_id = '{run_id}'"
    )
    assert ledger == [(None, None, project.results()["results"][0]["verdict"], True)]


def failed_checks(project: Handmade) -> set[str]:
    """The checks that the last run failed, every one of which its message must name."""
    (result,) = project.results()["results"]
    run_id = project.results()["metadata"]["invocation_id"]
    path = project.folder / "target/synth/runs" / run_id / result["unique_id"].split(".")[-1]
    checks = json.loads((path / "evaluation.json").read_text())["checks"]
    names = {check["name"] for check in checks if check["verdict"] == "fail" and check["gating"]}
    assert all(name in result["message"] for name in names)
    return names


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CHECKS_BY_LEAK]
)
def test_a_twin_that_leaks_is_stopped_by_the_right_check(published_project: Handmade, name: str) -> None:
    reject(published_project, "--backend", name)
    assert failed_checks(published_project) >= CHECKS_BY_LEAK[name]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bootstrap_of_forty_thousand_rows_is_stopped(services: Endpoints, tmp_path: Path) -> None:
    with build(services, tmp_path, 50_000) as project:
        assert project.synth("run").code == 0
        reject(project, "--backend", "bootstrap")
        assert "exact_rows" in failed_checks(project)


# --- whole histories

VISITS = """
create table analytics.visits as
select
    n as visit_id,
    1000 + n / 6 as guest_id,
    10 * ((hashint4(n / 6) & 1048575) % 40) + ((hashint4(n + 1000000) & 1048575) % 20) as minutes,
    round((5 * ((hashint4(n / 6 + 500000) & 1048575) % 30)
        + ((hashint4(n + 2000000) & 1048575) % 997) / 97.0)::numeric, 2) as paid,
    (array['bar', 'pool', 'spa'])[1 + (hashint4(n / 6 + 900000) & 65535) % 3] as place
from generate_series(0, {rows}) n
"""
JITTER = """
copied = pd.concat([real] * (rows // len(real) + 1), ignore_index=True).iloc[:rows].reset_index(drop=True)
copied["minutes"] = copied["minutes"] + rng.integers(-9, 10, rows)
copied["paid"] = (copied["paid"] + rng.normal(0, 3, rows)).round(2)
return copied
"""


@pytest.mark.slow
def test_histories_copied_with_every_row_jittered_are_stopped(database: Database, tmp_path: Path) -> None:
    """New keys scatter the rows of a guest, so rows give the copies away, each guest counted once."""
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(VISITS.format(rows=11_999).encode())
        config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"entity": "guest_id"}}}
        project.write(project.model("visits", config=config) | project.key("visits", "visit_id"))
        project.backend("jittered", HEAD + JITTER)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / "plugins"))
            answer = project.synth("run", "--backend", "jittered")
        assert answer.code == 1
        assert "membership" in failed_checks(project)
