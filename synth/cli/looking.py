"""Commands that look and change nothing."""

from __future__ import annotations

import logging
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from synth import log
from synth.cli.options import (
    model_options,
    project_options,
    read_plan,
    read_settings,
    run_option,
    services_option,
)
from synth.errors import SynthError
from synth.settings import find_artifacts

if TYPE_CHECKING:
    from pathlib import Path


NARROW, WIDEST = 60, 160  # columns of a terminal that a tree is fitted to


@click.command()
@project_options
@model_options
@click.option(
    "--output",
    type=click.Choice(["name", "json"]),
    default="name",
    show_default=True,
    help="Lines to read, or one JSON object a model.",
)
def ls(*, output: str, **options: Any) -> None:
    """List the tagged models and their columns, and what a run would do with each."""
    from synth.listing import as_json, as_text, survey  # noqa: PLC0415 - reads the warehouse

    settings = read_settings(options, to_stderr=True)  # standard output belongs to the list
    work, declarations = read_plan(settings)
    for listing in survey(work, settings, declarations.everything):
        click.echo(as_json(listing) if output == "json" else as_text(listing))


@click.command()
@project_options
@model_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A tree to read, or one JSON object.",
)
def plan(*, output: str, **options: Any) -> None:
    """Show whom the tagged models are about, how they refer to each other, what becomes of them, and why."""
    from synth.listing import survey  # noqa: PLC0415 - reads the warehouse
    from synth.outline import as_json, as_tree  # noqa: PLC0415 - as above

    settings = read_settings(options, to_stderr=True)  # standard output belongs to the plan
    work, declarations = read_plan(settings)
    listings = survey(work, settings, declarations.everything, across=True)
    width = max(NARROW, min(shutil.get_terminal_size((80, 24)).columns, WIDEST))
    click.echo(as_json(listings) if output == "json" else as_tree(listings, width))


@click.command()
@project_options
@run_option("store")
def debug(**options: Any) -> None:
    """Check project, profile, manifest, warehouse, store and backends, one line each."""
    from synth.debug import checks  # noqa: PLC0415 - connects to services, which other commands may not need

    settings = read_settings(options)
    has_failure = False
    for name, outcome in checks(settings):
        ok = not isinstance(outcome, SynthError)
        has_failure = has_failure or not ok
        level, word = (logging.INFO, "OK") if ok else (logging.ERROR, "ERROR")
        log.event(level, f"{name:<12} {word:<5} {outcome}", {"check": name, "ok": ok})
    sys.exit(2 if has_failure else 0)


@click.command()
@services_option
@click.argument("model", required=False)
@click.option("--run-id", help="Of which run; default: the newest that has one.")
@click.option("--open/--no-open", "browse", default=sys.stdout.isatty, help="Default: open it on a terminal.")
@click.option("--serve", is_flag=True, help="Serve all reports, to this machine only, until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="For --serve.")
def report(project_dir: Path, **options: Any) -> None:
    """Print where the newest report is, of MODEL or of all models, and open it."""
    from synth.viewing import view  # noqa: PLC0415 - pyarrow and templates, which no other command here needs

    for line in view(find_artifacts(project_dir), **options):
        click.echo(line)
