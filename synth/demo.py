"""`synth demo`: the whole job from nothing, on embedded services, with the commands that a user would type."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from synth.errors import ConfigError, ServiceError
from synth.services import Endpoints, up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SERVICES = ".synth"  # beside dbt_project.yml: where the embedded services keep their data


def services_root(project_dir: Path | None) -> Path:
    """Where the embedded services of a project live."""
    return (project_dir or Path.cwd()).resolve() / SERVICES


def exports(endpoints: Endpoints) -> Iterator[str]:
    """Shell lines after which psql, dbt, the AWS tools and synth use the embedded services."""
    for name, value in endpoints.environment().items():
        yield f"export {name}={shlex.quote(value)}"
    yield f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'


def demo(project_dir: Path) -> int:
    """Start the services, build the dbt project, synthesize, show the twin; return the exit code."""
    if not (project_dir / "dbt_project.yml").is_file():
        raise ConfigError(
            f"There is no dbt_project.yml in {project_dir}. Next: run the demo in a dbt project."
        )
    profiles = project_dir / "profiles.yml"
    if not profiles.exists():
        shutil.copyfile(project_dir / "profiles.yml.example", profiles)
    _say("Starting Postgres and an object store on this machine")
    endpoints = up(services_root(project_dir))
    environment = {**os.environ, **endpoints.environment(), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    for command in (["dbt", "--quiet", "seed"], ["dbt", "--quiet", "run"], ["synth", "run"]):
        _say(f"$ {' '.join(word for word in command if word != '--quiet')}")
        code = _run(command, project_dir, environment)
        if code:
            return code
    return 0


def _run(command: Sequence[str], project_dir: Path, environment: Mapping[str, str]) -> int:
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        raise ServiceError(f"{command[0]} is not installed. Next: pip install 'dbt-synth[dbt,embedded]'")
    return subprocess.run([program, *command[1:]], cwd=project_dir, env=environment, check=False).returncode


def _say(text: str) -> None:
    sys.stdout.write(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")
    sys.stdout.flush()
