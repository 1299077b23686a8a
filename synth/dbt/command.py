"""dbt as a program: started for the project and target at hand, and never imported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from synth.dbt.state import write_state
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Relation
    from synth.settings import Settings

ANSWER = 600  # seconds; dbt parses a large project in minutes
WORK = 3600  # seconds; tests read whole tables
MOST = 400  # letters of what dbt says
FOLDER = "dbt-"  # how the folder of a call begins
PARSE_CACHE = "partial_parse.msgpack"  # what dbt keeps of a project that it has read
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOCK = re.compile(r"^\d\d:\d\d:\d\d\s+")


def call(settings: Settings, *arguments: str, seconds: float = ANSWER) -> subprocess.CompletedProcess[str]:
    """Start dbt with these arguments, for the project, profile and target of `settings`.

    Raises:
        ConfigError: there is no dbt, it cannot be started, or takes longer than `seconds`.
    """
    if settings.dbt is None:
        raise ConfigError("dbt is not installed. Next: pip install 'dbt-synth[dbt]'")
    command = [str(settings.dbt), *arguments, *_project(settings), "--quiet", "--no-use-colors"]
    try:
        return subprocess.run(
            [*command, "--log-level-file", "none"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            env=dict(settings.dbt_environment) or None,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = f"`dbt {arguments[0]}` could not be run ({type(error).__name__}); try it by hand."
        raise ConfigError(reason) from None


def results(
    settings: Settings,
    command: str,
    selection: Sequence[str],
    twins: Mapping[str, Relation] | None,
    *more: str,
) -> tuple[Mapping[str, Any], ...]:
    """Return what `dbt <command>` writes of each node selected; the user's own artifacts stay as they are.

    Args:
        settings: of the project.
        command: such as test.
        selection: in dbt's syntax; nothing that belongs to it is selected with it.
        twins: what `ref` means, by `unique_id`; None is the real relations.
        more: flags of the command.

    Raises:
        ConfigError: dbt could not be run, or does not like the project.
    """
    settings.artifact_dir.mkdir(parents=True, exist_ok=True)
    _sweep(settings.artifact_dir)
    with TemporaryDirectory(prefix=FOLDER, dir=settings.artifact_dir) as name:
        folder = Path(name)
        parse_cache = settings.project.target_path / PARSE_CACHE
        if parse_cache.is_file():  # saves dbt from reading the whole project again
            shutil.copyfile(parse_cache, folder / PARSE_CACHE)
        deferral = ["--no-defer", "--no-favor-state"]
        if twins is not None:
            state = write_state(folder / "state", twins)
            deferral = ["--defer", "--favor-state", "--state", str(state)]
        where = ["--target-path", name, "--log-path", name]
        selection_flags = ["--indirect-selection", "empty", "--no-fail-fast", "--select", *selection]
        threads = ["--threads", str(settings.threads)]
        process = call(settings, command, *deferral, *where, *threads, *more, *selection_flags, seconds=WORK)
        run_results = _results(folder / "run_results.json")
    if run_results is None or (process.returncode and not run_results):
        raise ConfigError(f"`dbt {command}` failed: {last_line(process.stdout, process.stderr)}")
    return run_results


def why_unparsed(settings: Settings) -> str:
    """Return why dbt cannot read the project as it stands; empty if it can, or if there is no dbt to ask.

    Raises:
        ConfigError: dbt could not be run.
    """
    if settings.dbt is None:
        return ""
    settings.artifact_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=FOLDER, dir=settings.artifact_dir) as name:
        where = ["--target-path", name, "--log-path", name, "--no-partial-parse"]
        process = call(settings, "parse", *where, seconds=WORK)
    return last_line(process.stdout, process.stderr) if process.returncode else ""


def _sweep(artifact_dir: Path) -> None:
    """Remove the folders of calls that were killed: what dbt says of a failure may quote a value."""
    for folder in artifact_dir.glob(f"{FOLDER}*"):
        with suppress(FileNotFoundError):  # one that has just ended
            if time.time() - folder.stat().st_mtime > 2 * WORK:  # nobody works there any more
                shutil.rmtree(folder, ignore_errors=True)


def _results(path: Path) -> tuple[Mapping[str, Any], ...] | None:
    try:
        return tuple(json.loads(path.read_bytes())["results"])
    except FileNotFoundError:
        return None


def _project(settings: Settings) -> list[str]:
    project, connection = settings.project, settings.connection
    arguments = ["--project-dir", str(project.directory), "--profiles-dir", str(connection.profiles_dir)]
    arguments += ["--profile", connection.profile, "--target", connection.target]
    if settings.flags.vars:
        arguments += ["--vars", settings.flags.vars]
    return arguments


def last_line(*outputs: str) -> str:
    """Return the last line that dbt printed: its reasons are at the end."""
    lines = [_CLOCK.sub("", _COLOUR.sub("", line)).strip() for text in outputs for line in text.splitlines()]
    return next((line[:MOST] for line in reversed(lines) if line), "it gave no reason; run it by hand.")
