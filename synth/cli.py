"""The command line: parse, call, print, exit code."""

from __future__ import annotations

import json
import logging
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from synth._version import __version__
from synth.declarations import read_models
from synth.demo import exports, services_root
from synth.domain import Relation, Status
from synth.errors import ServiceError, SynthError
from synth.log import configure, event
from synth.manifest import read_manifest
from synth.plan import plan
from synth.selection import select
from synth.settings import Flags, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from synth.domain import RunResult, Task
    from synth.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)
EPILOG = "Exit codes: 0 everything asked for was published, 1 some model was not, 2 nothing could be run."


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="synth")
def cli() -> None:
    """Publish synthetic twins of dbt models: tag a model, run dbt, run synth, query the twin.

    A model is tagged by `config: {meta: {synthesize: true}}`. Flags, profile and target are dbt's own.
    """


def project_options(command: Callable[P, R]) -> Callable[P, R]:
    """The flags that say which dbt project, and what of it."""
    path = click.Path(path_type=Path, file_okay=False)
    for option in reversed(
        (
            click.option(
                "--project-dir", type=path, help="Where dbt_project.yml is.  [env: DBT_PROJECT_DIR]"
            ),
            click.option("--profiles-dir", type=path, help="Where profiles.yml is.  [env: DBT_PROFILES_DIR]"),
            click.option("--profile", help="Which profile, if not the project's.  [env: DBT_PROFILE]"),
            click.option("--target", "-t", help="Which target of the profile.  [env: DBT_TARGET]"),
            click.option(
                "--target-path", type=path, help="Where dbt's artifacts are.  [env: DBT_TARGET_PATH]"
            ),
            click.option("--vars", help="Variables as YAML; the variable `synth` holds our own settings."),
            click.option(
                "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True
            ),
            click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
            click.option("--use-colors/--no-use-colors", default=None, help="Default: on a terminal."),
        )
    ):
        command = option(command)
    return command


def model_options(command: Callable[P, R]) -> Callable[P, R]:
    """The flags that say which models, and how."""
    for option in reversed(
        (
            click.option(
                "--select", "-s", multiple=True, help="Which tagged models, in dbt's selection syntax."
            ),
            click.option("--exclude", multiple=True, help="Which to leave out."),
            click.option("--selector", help="A selector of selectors.yml."),
            click.option(
                "--schema", help="Where twins are published; default synthetic.  [env: SYNTH_SCHEMA]"
            ),
            click.option("--backend", help="Who does the work, for all models.  [env: SYNTH_BACKEND]"),
            click.option("--rows", help="Rows of each twin: 5000, or 2x.  [env: SYNTH_ROWS]"),
            click.option("--seed", type=click.IntRange(0), help="Of everything random.  [env: SYNTH_SEED]"),
        )
    ):
        command = option(command)
    return command


@cli.command(epilog=EPILOG)
@project_options
@model_options
@click.option("--store", help="Where artifacts go: s3://bucket/prefix or a directory.  [env: SYNTH_STORE]")
@click.option("--threads", type=click.IntRange(1), help="Models worked on at once; default: the profile's.")
@click.option("--full-refresh", "-f", is_flag=True, help="Recreate twins whose columns changed.")
def run(**options: Any) -> None:
    """Make, check, store and publish the twin of every tagged model."""
    settings = _settings(options)
    tasks, twins = _plan(settings)
    if tasks:
        run_id = new_run_id()
        result = run_tasks(tasks, twins, settings, options, run_id)
        sys.exit(result.exit_code)


@cli.command()
@project_options
@model_options
@click.option("--output", type=click.Choice(["name", "json"]), default="name", show_default=True)
def ls(*, output: str, **options: Any) -> None:
    """List the tagged models, and what a run would do with each."""
    settings = _settings(options)
    for task in _plan(settings)[0]:
        click.echo(json.dumps(_described(task)) if output == "json" else _line(task))


@cli.command()
@project_options
@click.option("--store", help="Where artifacts go.  [env: SYNTH_STORE]")
def debug(**options: Any) -> None:
    """Check project, profile, manifest, warehouse, store and backends, one line each."""
    from synth.debug import checks  # noqa: PLC0415 - connects to services, which other commands may not need

    settings = _settings(options)
    failed = False
    for name, outcome in checks(settings):
        ok = not isinstance(outcome, SynthError)
        failed = failed or not ok
        word = click.style("OK", fg="green") if ok else click.style("ERROR", fg="red")
        click.echo(f"{name:<12}{word:<6} {outcome}")
    sys.exit(2 if failed else 0)


@cli.command()
@click.option("--project-dir", type=click.Path(path_type=Path, file_okay=False), default=Path.cwd)
def up(project_dir: Path) -> None:
    """Start the embedded Postgres and object store, or find them running."""
    from synth.services import up as start  # noqa: PLC0415 - only the embedded commands need services

    endpoints = start(services_root(project_dir))
    click.echo(f"Postgres      {endpoints.host}:{endpoints.port}/{endpoints.database}")
    click.echo(f"Object store  {endpoints.endpoint_url}, {endpoints.store}")
    click.echo('Next: eval "$(synth env)"')


@cli.command()
@click.option("--project-dir", type=click.Path(path_type=Path, file_okay=False), default=Path.cwd)
def down(project_dir: Path) -> None:
    """Stop the embedded services; their data stay."""
    from synth.services import down as stop  # noqa: PLC0415 - as above

    stop(services_root(project_dir))
    click.echo("Stopped.")


@cli.command()
@click.option("--project-dir", type=click.Path(path_type=Path, file_okay=False), default=Path.cwd)
def env(project_dir: Path) -> None:
    """Print the variables of the embedded services, for: eval "$(synth env)"."""
    from synth.services import status  # noqa: PLC0415 - as above

    endpoints = status(services_root(project_dir))
    if endpoints is None:
        raise ServiceError(f"No embedded services run for {project_dir}. Next: synth up")
    for line in exports(endpoints):
        click.echo(line)


@cli.command()
@click.option("--project-dir", type=click.Path(path_type=Path, file_okay=False), default=Path.cwd)
def demo(project_dir: Path) -> None:
    """Run the whole job from nothing: services, dbt seed, dbt run, synth run."""
    from synth.demo import demo as play  # noqa: PLC0415 - as above

    sys.exit(play(project_dir.resolve()))


def new_run_id() -> str:
    """A name for a run that sorts by time and is never given twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def run_tasks(
    tasks: Sequence[Task],
    twins: dict[str, Relation],
    settings: Settings,
    options: dict[str, Any],
    run_id: str,
) -> RunResult:
    """Run the pipeline between the first and the last lines of its log."""
    from synth.pipeline import Job, run  # noqa: PLC0415 - pandas and pyarrow, which `ls` must not pay for

    noun = "model" if len(tasks) == 1 else "models"
    target = settings.connection.target
    event(log, logging.INFO, f"Running with synth={__version__}", {"version": __version__})
    event(log, logging.INFO, f"Found {len(tasks)} {noun} to synthesize, target {target}, run {run_id}", {})
    event(log, logging.INFO, "", {})
    args = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    args.pop("vars", None)  # may hold secrets
    result = run(Job(tuple(tasks), twins, {**args, "which": "run"}), settings, run_id)
    counts = {status: sum(item.status is status for item in result.results) for status in Status}
    parts = [f"{status.name}={count}" for status, count in counts.items() if status is not Status.SYNTHESIZED]
    event(log, logging.INFO, "", {})
    where = settings.artifact_dir / "runs" / run_id
    event(log, logging.INFO, f"Results: {_near(where / 'run_results.json')}", {"path": str(where)})
    event(log, logging.INFO, f"Done. {' '.join(parts)} TOTAL={len(result.results)}", {"counts": counts})
    return result


def _near(path: Path) -> Path:
    """The path as seen from here, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _settings(options: dict[str, Any]) -> Settings:
    """Settings from flags, and the log as they ask for it."""
    form, quiet = options.pop("log_format"), options.pop("quiet")
    configure(form=form, quiet=quiet, colors=options.pop("use_colors"))
    return resolve(Flags(**options))


def _plan(settings: Settings) -> tuple[tuple[Task, ...], dict[str, Relation]]:
    """The tasks, and the twins of all tagged models; says so when there is nothing to do."""
    manifest = read_manifest(settings.project.manifest_path)
    declared = read_models(manifest, settings.connection)
    for warning in (*settings.warnings, *manifest.warnings, *declared.warnings):
        event(log, logging.WARNING, f"Warning: {warning}", {})
    tasks = plan(select(manifest, declared.models, settings), settings)
    if not tasks:
        what = "the selection matches no tagged model" if declared.models else "no model is tagged"
        text = f"Nothing to do: {what}. A tag is `config: {{meta: {{synthesize: true}}}}`; after it, run dbt again."
        event(log, logging.WARNING, text, {})
    database = settings.connection.database
    twins = {
        model.unique_id: Relation(database, settings.schema, model.relation.name) for model in declared.models
    }
    return tasks, twins


def _line(task: Task) -> str:
    return f"{task.model.unique_id}  {task.model.relation} → {task.target}  [{task.backend}, {task.rows}, seed {task.seed}]"


def _described(task: Task) -> dict[str, object]:
    model = task.model
    return {
        "unique_id": model.unique_id,
        "name": model.name,
        "source": str(model.relation),
        "target": str(task.target),
        "backend": task.backend,
        "rows": str(task.rows),
        "seed": task.seed,
        "primary_key": list(model.primary_key),
        "entity": model.entity,
        "foreign_keys": {key.column: f"{key.parent}.{key.parent_column}" for key in model.foreign_keys},
        "roles": dict(model.roles),
        "path": model.path,
    }


def main() -> None:
    """Run the command line; our own errors are one red line and exit code 2."""
    try:
        cli(prog_name="synth")
    except SynthError as error:
        if logging.getLogger("synth").handlers:
            event(log, logging.ERROR, f"Error: {error}", {"error": type(error).__name__})
        else:
            click.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(2)
