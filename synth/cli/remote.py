"""The command for remote jobs that nobody waits for."""

from __future__ import annotations

from typing import Any

import click

from synth import log
from synth.cli.options import project_options, read_settings

WORKING = ("queued", "running")


@click.command()
@project_options
@click.argument("jobs", nargs=-1, required=True)
@click.option("--cancel", is_flag=True, help="Cancel them, and delete their rows.")
def jobs(*, jobs: tuple[str, ...], cancel: bool, **options: Any) -> None:
    """Say how far JOBS are; `synth run --no-wait` says their names, such as gretel/synth-…-train."""
    from synth.runs.jobs import look, remove  # noqa: PLC0415 - opens services, which other commands may not need

    settings = read_settings(options)
    for name in jobs:
        phase = remove(name, settings) if cancel else look(name, settings)
        log.info(f"{name} {phase or 'is not there'}", job=name, phase=phase, working=phase in WORKING)
