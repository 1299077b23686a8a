"""Commands about published twins in the dbt project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synth import log
from synth._version import __version__
from synth.cli.options import project_options, read_plan, read_settings, run_option
from synth.declarations import read_models
from synth.domain import Relation
from synth.project.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.domain import Model
    from synth.settings import Settings


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the flags that say which twins."""
    for option in (
        run_option("schema"),
        click.option("--selector", help="A selector of selectors.yml."),
        click.option("--exclude", multiple=True, help="Which to leave out."),
        click.option("--select", "-s", multiple=True, help="Which tagged models, in dbt's selection syntax."),
    ):
        command = option(command)
    return command


@click.command(epilog="Exit codes: 0 no test failed, 1 some did, 2 they could not be run.")
@project_options
@selection_options
@click.option("--threads", type=click.IntRange(1), help="Tests run at once; default: the profile's.")
def test(**options: Any) -> None:
    """Run the project's own dbt tests on the published twins.

    A test is run if all that it reads has a twin. One that fails is run on the real relations, too, and
    counts as failed only if it passes there.
    """
    from synth.dbt.testrun import retest  # noqa: PLC0415 - reads the warehouse

    settings = read_settings(options)
    log.info(f"Running with synth={__version__}", version=__version__)
    work, declarations = read_plan(settings)
    models = [task.model for task in (*work.tasks, *(result.task for result in work.refused_results))]
    if models:
        sys.exit(
            retest(
                models, _places(declarations.everything, settings), settings, _args(options, "test")
            ).exit_code
        )


@click.command()
@project_options
@run_option("schema")
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
def docs(*, path: Path | None, **options: Any) -> None:
    """Write the published twins as a dbt source, with exposures that show their lineage, to PATH.

    PATH is a YAML file below models/; by default models/synthetic/_synthetic__sources.yml. A file there is
    replaced only if it was written by this command.
    """
    from synth.dbt.docs import write_docs  # noqa: PLC0415 - reads the warehouse

    settings = read_settings(options)
    manifest = read_manifest(settings.project.manifest_path)
    models = read_models(manifest, settings.connection).everything
    docs_path, count = write_docs(manifest, _places(models, settings), settings, path)
    place = log.relative_path(docs_path)
    log.info(f"Wrote {count} twin{'' if count == 1 else 's'} to {place}. Next: dbt docs generate")


@click.command()
@project_options
@run_option("schema")
@click.argument("model", nargs=-1)
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Tables to read, or one JSON object a model.",
)
def compare(*, model: tuple[str, ...], output: str, **options: Any) -> None:
    """Build each MODEL that depends on twins alone on both sides, and compare its numbers.

    Without MODEL, all of them. Nothing is stored: both sides are temporary tables. What is printed are
    aggregates of REAL data, for those who may see them: rows and means, and of a result with at most 100 rows
    the numbers of each group. A group is shown only if every count in it (a column of type bigint) is at
    least 10.
    """
    from synth.dbt.compare import as_json, as_text  # noqa: PLC0415 - reads the warehouse
    from synth.dbt.compare import compare as measure  # noqa: PLC0415 - as above

    settings = read_settings(options, to_stderr=True)  # standard output belongs to the figures
    manifest = read_manifest(settings.project.manifest_path)
    models = read_models(manifest, settings.connection).everything
    comparisons = measure(model, manifest, _places(models, settings), settings)
    if not comparisons:
        log.warning("Nothing to do: no model depends on twins alone. Next: synth compare MODEL says why")
    for one in comparisons:
        for line in [as_json(one)] if output == "json" else as_text(one):
            click.echo(line)


def _places(models: Sequence[Model], settings: Settings) -> dict[str, Relation]:
    """Return where the twin of every tagged model is or would be, by `unique_id`."""
    database = settings.connection.database
    return {model.unique_id: Relation(database, settings.schema, model.relation.name) for model in models}


def _args(options: dict[str, Any], which: str) -> dict[str, object]:
    """Return the flags for the results; `--vars` may hold secrets."""
    values = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return {**{name: value for name, value in values.items() if name != "vars"}, "which": which}
