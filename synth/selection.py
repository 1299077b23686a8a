"""Which tagged models a command is about: dbt's own selection where dbt is, a stated part of it elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from synth.errors import ConfigError
from synth.selectors import matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from synth.domain import Model
    from synth.manifest import Manifest
    from synth.settings import Settings

TIMEOUT = 600  # seconds; dbt parses a large project in minutes
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOCK = re.compile(r"^\d\d:\d\d:\d\d\s+")


def select(manifest: Manifest, candidates: Sequence[Model], settings: Settings) -> tuple[Model, ...]:
    """The candidates that `--select`, `--exclude` and `--selector` mean; all of them when none is given.

    Raises:
        ConfigError: dbt refuses the selection, or without dbt it is beyond what is understood here.
    """
    if not (settings.select or settings.exclude or settings.selector):
        return tuple(candidates)
    if settings.dbt is not None:
        chosen = _ask_dbt(settings.dbt, settings)
    elif settings.selector:
        raise ConfigError("--selector needs dbt; install it: pip install 'dbt-synth[dbt]'.")
    else:
        chosen = matching(manifest, settings.select, settings.exclude)
    return tuple(model for model in candidates if model.unique_id in chosen)


def _ask_dbt(dbt: Path, settings: Settings) -> frozenset[str]:
    command = [str(dbt), *_arguments(settings)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"`dbt ls` could not be run ({type(error).__name__}); try it by hand.") from error
    if done.returncode != 0:
        raise ConfigError(f"`dbt ls` refuses the selection: {_last_line(done.stdout, done.stderr)}")
    return frozenset(_unique_ids(done.stdout.splitlines()))


def _arguments(settings: Settings) -> list[str]:
    """A `dbt ls` for the project and target at hand that leaves the manifest as it is."""
    flags, project, connection = settings.flags, settings.project, settings.connection
    arguments = ["--quiet", "--no-use-colors", "--no-write-json", "--log-level-file", "none", "ls"]
    arguments += ["--output", "json", "--output-keys", "unique_id"]
    for kind in ("model", "snapshot", "seed"):
        arguments += ["--resource-type", kind]
    arguments += ["--project-dir", str(project.directory), "--profiles-dir", str(connection.profiles_dir)]
    arguments += ["--profile", connection.profile, "--target", connection.target]
    arguments += ["--target-path", str(project.target_path)]
    if flags.vars:
        arguments += ["--vars", flags.vars]
    if settings.selector:
        arguments += ["--selector", settings.selector]
    for option, given in (("--select", settings.select), ("--exclude", settings.exclude)):
        for one in given:
            arguments += [option, one]
    return arguments


def _unique_ids(lines: Iterable[str]) -> Iterable[str]:
    """Hooks and macros may print whatever they like among the answers."""
    for line in lines:
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("unique_id"), str):
            yield answer["unique_id"]


def _last_line(*outputs: str) -> str:
    lines = [_CLOCK.sub("", _COLOUR.sub("", line)).strip() for text in outputs for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "it gave no reason; run `dbt ls` by hand.")
