"""The command that watches over what is published."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from synth.cli.options import project_options, read_settings, run_option
from synth.errors import SynthError

if TYPE_CHECKING:
    from synth.domain import Model
    from synth.settings import Settings


@click.command(epilog="Exit codes: 0 all is as published, 1 something is not, 2 it could not be found out.")
@project_options
@run_option("schema")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines to read, or one JSON object.",
)
def check(*, output: str, **options: Any) -> None:
    """Look for what analysts would take for a twin: for CI and cron.

    Names tables that synth did not publish (`dbt run` or `dbt clone` with the schema of the twins as its
    target, or a hand), views that read real rows, also through other views, twins whose rows were edited, and
    whatever lets another role act with the rights of a run: schemas and tables that it owns, triggers, rules,
    rights to create. Every row of every twin is read. It changes nothing.
    """
    from synth.runs.watch import TwinPlaces, as_json, as_text  # noqa: PLC0415 - as above
    from synth.warehouse import Warehouse  # noqa: PLC0415 - pyarrow, which --help must not pay for

    settings = read_settings(options, to_stderr=True)
    places = TwinPlaces.of(_models(settings), settings)
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        inspection = places.inspect(warehouse, thorough=True)
    for line in [as_json(inspection)] if output == "json" else as_text(inspection):
        click.echo(line)
    sys.exit(1 if inspection.misplacements else 0)


def _models(settings: Settings) -> tuple[Model, ...]:
    """Return every tagged model; none where no manifest is at hand, as where only the database is watched."""
    from synth.declarations import read_models  # noqa: PLC0415 - as above
    from synth.project.manifest import read_manifest  # noqa: PLC0415 - as above

    try:
        return read_models(read_manifest(settings.project.manifest_path), settings.connection).everything
    except SynthError:
        return ()
