"""Commands that make and publish twins."""

from __future__ import annotations

from typing import Any

import click

from synth import log
from synth.cli.execution import Mode, RunId, execute
from synth.cli.options import EPILOG, model_options, project_options, read_settings, run_option
from synth.settings import Flags, resolve


@click.command(epilog=EPILOG)
@project_options
@model_options
@run_option("store")
@click.option("--threads", type=click.IntRange(1), help="Models worked on at once; default: the profile's.")
@click.option("--full-refresh", "-f", is_flag=True, help="Recreate twins whose columns changed.")
@click.option("--force", is_flag=True, help="Make twins anew although nothing changed.")
@click.option("--force-retry", metavar="REASON", help="Try a model again that had too many attempts.")
@run_option("tests")
@click.option("--run-id", type=RunId(), help="A name for the run, under which others may go on with it.")
@click.option("--no-publish", is_flag=True, help="Leave twins staged for a week, for: synth publish RUN_ID.")
@click.option("--no-wait", is_flag=True, help="Leave remote jobs at work, see: synth jobs. Exit code 3.")
def run(**options: Any) -> None:
    """Make, check, store and publish the twin of every tagged model of which something changed.

    With --run-id, the command can be repeated, on any machine: it makes nothing that the run of that name
    has staged or published.
    """
    if options["no_publish"] and not options["run_id"]:
        raise click.UsageError("--no-publish needs --run-id: it is what `synth publish` is told.")
    if options["no_wait"] and not options["no_publish"]:
        raise click.UsageError("--no-wait needs --no-publish: nothing can be published before jobs are done.")
    mode = Mode.from_options(options, "run")
    execute(read_settings(options), mode, options)


@click.command(epilog=EPILOG)
@project_options
@click.option("--select", "-s", multiple=True, help="Which models; default: all that the run was asked for.")
@click.option("--exclude", multiple=True, help="Which to leave out.")
@click.option("--selector", help="A selector of selectors.yml.")
@run_option("schema")
@run_option("store")
@click.option("--full-refresh", "-f", is_flag=True, help="Recreate twins whose columns changed.")
@run_option("tests")
@click.argument("run_id", type=RunId())
def publish(**options: Any) -> None:
    """Publish what the run RUN_ID has staged: by `synth run --run-id RUN_ID --no-publish`, on any machine.

    Models that reference each other are published together or not at all. Nothing is published twice.
    """
    mode = Mode.from_options(options, "publish")
    execute(read_settings(options), mode, options)


@click.command(epilog=EPILOG)
@project_options
def retry(**options: Any) -> None:
    """Run again what failed in the newest run, or what it had not done when it was killed.

    The flags are those of that run.
    """
    from synth.runs.retry import last_run, remaining_models  # noqa: PLC0415 - reads the warehouse, as the run will

    settings = read_settings(options)
    last = last_run(settings.artifact_dir)
    flags = last.flags(options)
    settings = resolve(Flags.of_command(flags))
    unique_ids = remaining_models(last, settings)
    if not unique_ids:
        log.info(f"Nothing to retry: nothing failed in run {last.run_id}.")
        return
    log.info(f"Retrying what failed in run {last.run_id}: {len(unique_ids)} of {len(last.unique_ids)}")
    execute(settings, Mode.from_options(last.mode, last.which), flags, unique_ids)
