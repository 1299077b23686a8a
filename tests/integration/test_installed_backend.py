"""A backend that another package brings: installed by pip, with options and capabilities of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from synth import backends
from tests.handmade import ROOT, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

MODULE = '''
"""Draws rows with replacement from what it is shown, and notes what that was."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from synth.domain import Capabilities
from synth.errors import BackendError


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    strength: int = 1


class Cautious:
    capabilities = Capabilities(options=Options)

    def __init__(self, record):
        self.record = Path(record)

    @classmethod
    def connect(cls, environment):
        return cls(next(iter(environment.values())))

    def check(self):
        if not self.record.parent.exists():
            raise BackendError("acme has nowhere to write")

    def synthesize(self, training, request, workdir):
        options = Options.model_validate(request.backend_options.section("acme"))
        seen = {"strength": options.strength, "cities": sorted(training["city"].dropna().unique())}
        self.record.write_text(json.dumps(seen))
        return training.sample(request.rows, replace=True, random_state=request.seed).reset_index(drop=True)


class Protecting(Cautious):
    capabilities = Capabilities(options=Options, protects_rare_values=True, paid=False)
'''
RECORDS = ("ACME_RECORD", "ACME_LOCAL_RECORD")  # each backend has the variables that begin with its name
METADATA = "Metadata-Version: 2.1\nName: {0}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip installed the package."""
    folder = tmp_path_factory.mktemp("acme")
    wheel = folder / "acme_synth-1.0-py3-none-any.whl"
    info = "acme_synth-1.0.dist-info"
    files = {
        "acme_synth.py": MODULE,
        f"{info}/METADATA": METADATA.format("acme-synth"),
        f"{info}/WHEEL": WHEEL,
        f"{info}/entry_points.txt": (
            "[synth.backends]\nacme = acme_synth:Cautious\nacme-local = acme_synth:Protecting\n"
            "broken = acme_synth:Missing\n"
        ),
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


@pytest.fixture
def project(
    database: Database, tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Handmade]:
    monkeypatch.syspath_prepend(str(packages))
    importlib.invalidate_caches()
    backends._entry_points.cache_clear()
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.session.execute("update analytics.people set city = 'Ulm' where id <= 3")
        path = os.pathsep.join((str(ROOT), str(packages)))
        handmade.environment |= {"PYTHONPATH": path, **dict.fromkeys(RECORDS, str(tmp_path / "record.json"))}
        yield handmade
    backends._entry_points.cache_clear()


def tag(project: Handmade, **options: object) -> None:
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
    project.write(project.model("people", config=config) | project.key("people", "id"))


def record(project: Handmade) -> str:
    return (project.folder / "record.json").read_text()


def test_options_reach_the_backend_and_rare_labels_do_not(project: Handmade) -> None:
    tag(project, backend="acme", acme={"strength": 7}, gretel={"model": "actgan"})
    assert "acme is ready" in project.synth("debug").text
    project.synth("run")
    assert record(project) == '{"strength": 7, "cities": ["Bern", "Oslo", "Rome"]}'


def test_a_backend_that_protects_rare_values_is_shown_them(project: Handmade) -> None:
    tag(project, backend="acme-local")
    project.synth("run")
    assert '"Ulm"' in record(project)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"backend": "acme", "acme": {"strenght": 7}},
            "`meta.synth.acme.strenght`; did you mean `strength`",
        ),
        ({"backend": "acme", "acme": {"strength": "big"}}, "`meta.synth.acme.strength`"),
        ({"backend": "acme", "acme": 7}, "`meta.synth.acme` must be a mapping"),
        ({"backend": "acme", "acne": {"strength": 7}}, "unknown key `meta.synth.acne`; did you mean `acme`?"),
        ({"local": {"trees": 7}}, "backend local has no options. Next: take `meta.synth.local` out"),
        ({"backend": "acme", "epsilon": 1.0}, "backend acme has no differential privacy"),
        ({"backend": "acme", "seed_columns": ["city"]}, "which backend acme cannot keep to"),
        ({"backend": "broken"}, "Backend broken cannot be loaded from acme_synth:Missing (AttributeError)"),
    ],
)
def test_what_it_does_not_have_stops_the_model_before_it_is_learned(
    project: Handmade, options: dict[str, object], message: str
) -> None:
    tag(project, **options)
    answer = project.synth("run")
    assert answer.code == 1  # it stops only the model that asks
    assert message in answer.text
    assert project.value("select to_regclass('synthetic.people') is null")
    assert not (project.folder / "record.json").exists()
