"""The dbt projects of `tests/projects`, built by the real dbt in a database of their own."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.handmade import Handmade
from tests.services import new_database
from tests.warm import call_dbt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints

PROJECTS = Path(__file__).parent / "projects"
BUILD = ("build", "--resource-type", "seed", "--resource-type", "model", "--resource-type", "snapshot")
DAYS = ("2024-04-01", "2024-07-01")  # on which a snapshot looks at the plans of the bicycle hire's members


@contextmanager
def build(services: Endpoints, folder: Path, name: str) -> Iterator[Handmade]:
    """The project of that name, copied to `folder` and built; without its tests."""
    project = folder / name
    shutil.copytree(PROJECTS / name, project)
    shutil.copy(project / "profiles.yml.example", project / "profiles.yml")
    if (project / "packages").exists():  # as `dbt deps` does with local packages, in no time
        (project / "dbt_packages").mkdir()
        for package in (project / "packages").iterdir():
            (project / "dbt_packages" / package.name).symlink_to(package)
    with new_database(services) as database, database.connect() as session:
        environment = {**database.environment, "SYNTH_STORE": str(project / "store")}
        handmade = Handmade(database, project, session, environment)
        dbt(handmade, *BUILD, "--vars", f"as_of: {DAYS[0]}")
        for day in DAYS[1:] if (project / "snapshots").exists() else ():
            dbt(handmade, "snapshot", "--vars", f"as_of: {day}")
        yield handmade


def dbt(project: Handmade, *arguments: str) -> str:
    """What dbt printed; a failure or a deprecation fails the test."""
    process = call_dbt(project.folder, ("--quiet", "--warn-error", *arguments), project.environment)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
