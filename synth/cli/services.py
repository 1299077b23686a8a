"""Commands for the embedded services."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from synth.cli.options import services_option
from synth.errors import ServiceError


@click.command()
@services_option
def up(project_dir: Path) -> None:
    """Start the embedded Postgres and object store, or find them running."""
    from synth.demo import program_to_type, services_root  # noqa: PLC0415 - only the embedded commands need services
    from synth.services import up as start  # noqa: PLC0415 - as above

    endpoints = start(services_root(project_dir))
    click.echo(f"Postgres      {endpoints.host}:{endpoints.port}/{endpoints.database}")
    click.echo(f"Object store  {endpoints.endpoint_url}, {endpoints.store}")
    click.echo(f'Next: eval "$({program_to_type(Path.cwd())} env)"')


@click.command()
@services_option
def down(project_dir: Path) -> None:
    """Stop the embedded services; their data stay."""
    from synth.demo import services_root  # noqa: PLC0415 - as above
    from synth.services import down as stop  # noqa: PLC0415 - as above

    stop(services_root(project_dir))
    click.echo("Stopped.")


@click.command()
@services_option
def env(project_dir: Path) -> None:
    """Print the variables of the embedded services, for: eval "$(synth env)"."""
    from synth.demo import exports, services_root  # noqa: PLC0415 - as above
    from synth.services import status  # noqa: PLC0415 - as above

    endpoints = status(services_root(project_dir))
    if endpoints is None:
        raise ServiceError(f"No embedded services run for {project_dir}. Next: synth up")
    for line in exports(endpoints):
        click.echo(line)


@click.command()
@services_option
def demo(project_dir: Path) -> None:
    """Run the whole job from nothing: services, dbt seed, dbt run, synth run."""
    from synth.demo import demo as play  # noqa: PLC0415 - as above

    sys.exit(play(project_dir.resolve()))
