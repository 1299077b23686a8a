"""Which tagged models a command is about: dbt's own selection where dbt is, a stated part of it elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from synth.dbt import command as dbt
from synth.dbt.selectors import match
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from synth.domain import Model
    from synth.project.manifest import Manifest
    from synth.settings import Settings


def select(manifest: Manifest, candidates: Sequence[Model], settings: Settings) -> tuple[Model, ...]:
    """Return the candidates that `--select`, `--exclude` and `--selector` match; all without these flags.

    Raises:
        ConfigError: dbt refuses the selection, or without dbt it is beyond what is understood here.
    """
    if not (settings.select or settings.exclude or settings.selector):
        return tuple(candidates)
    if settings.dbt is not None:
        unique_ids = _ask_dbt(settings)
    elif settings.selector:
        raise ConfigError("--selector needs dbt; install it: pip install 'dbt-synth[dbt]'.")
    else:
        unique_ids = match(manifest, settings.select, settings.exclude)
    return tuple(model for model in candidates if model.unique_id in unique_ids)


def _ask_dbt(settings: Settings) -> frozenset[str]:
    process = dbt.call(settings, "ls", *_arguments(settings))
    if process.returncode != 0:
        raise ConfigError(f"`dbt ls` refuses the selection: {dbt.last_line(process.stdout, process.stderr)}")
    return frozenset(_unique_ids(process.stdout.splitlines()))


def _arguments(settings: Settings) -> list[str]:
    """Return what to ask so that the manifest is left as it is."""
    arguments = ["--no-write-json", "--target-path", str(settings.project.target_path)]
    arguments += ["--output", "json", "--output-keys", "unique_id"]
    for kind in ("model", "snapshot", "seed"):
        arguments += ["--resource-type", kind]
    if settings.selector:
        arguments += ["--selector", settings.selector]
    for option, values in (("--select", settings.select), ("--exclude", settings.exclude)):
        for one in values:
            arguments += [option, one]
    return arguments


def _unique_ids(lines: Iterable[str]) -> Iterable[str]:
    """Yield hooks and macros may print whatever they like among the answers."""
    for line in lines:
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("unique_id"), str):
            yield answer["unique_id"]
