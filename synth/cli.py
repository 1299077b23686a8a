"""The command line: parse, call, print, exit code."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from synth import log
from synth._version import __version__
from synth.declarations import read_models
from synth.domain import Relation
from synth.errors import ServiceError, SynthError
from synth.manifest import read_manifest
from synth.plan import plan
from synth.selection import select
from synth.settings import Flags, find_artifacts, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from synth.domain import Model, Task
    from synth.pipeline import Finished
    from synth.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

EPILOG = "Exit codes: 0 everything asked for was published, 1 some model was not, 2 nothing could be run."
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="synth")
def cli() -> None:
    """Publish synthetic twins of dbt models: tag a model, run dbt, run synth, query the twin.

    A model is tagged by `config: {meta: {synthesize: true}}`. Flags, profile and target are dbt's own.
    """


def _with(command: Callable[P, R], *options: Callable[[Callable[P, R]], Callable[P, R]]) -> Callable[P, R]:
    """The command with these options, which `--help` lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def project_options(command: Callable[P, R]) -> Callable[P, R]:
    """The flags that say which dbt project, and what of it."""
    path = click.Path(path_type=Path, file_okay=False)
    return _with(
        command,
        click.option("--project-dir", type=path, help="Where dbt_project.yml is.  [env: DBT_PROJECT_DIR]"),
        click.option("--profiles-dir", type=path, help="Where profiles.yml is.  [env: DBT_PROFILES_DIR]"),
        click.option("--profile", help="Which profile, if not the project's.  [env: DBT_PROFILE]"),
        click.option("--target", "-t", help="Which target of the profile.  [env: DBT_TARGET]"),
        click.option("--target-path", type=path, help="Where dbt's artifacts are.  [env: DBT_TARGET_PATH]"),
        click.option("--vars", help="Variables as YAML; the variable `synth` holds our own settings."),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Lines to read, or one JSON object a line.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
        click.option("--use-colors/--no-use-colors", default=None, help="Default: on a terminal."),
    )


def model_options(command: Callable[P, R]) -> Callable[P, R]:
    """The flags that say which models, and how."""
    return _with(
        command,
        click.option("--select", "-s", multiple=True, help="Which tagged models, in dbt's selection syntax."),
        click.option("--exclude", multiple=True, help="Which to leave out."),
        click.option("--selector", help="A selector of selectors.yml."),
        click.option("--schema", help="Where twins are published; default synthetic.  [env: SYNTH_SCHEMA]"),
        click.option("--backend", help="Who does the work, for all models.  [env: SYNTH_BACKEND]"),
        click.option("--rows", help="Rows of each twin: 5000, or 2x.  [env: SYNTH_ROWS]"),
        click.option("--seed", type=click.IntRange(0), help="Of everything random.  [env: SYNTH_SEED]"),
    )


def services_option(command: Callable[P, R]) -> Callable[P, R]:
    """The flag of the commands for the embedded services."""
    path = click.Path(path_type=Path, file_okay=False)
    text = "Where dbt_project.yml is; default: here.  [env: DBT_PROJECT_DIR]"
    return click.option("--project-dir", type=path, default=Path.cwd, envvar="DBT_PROJECT_DIR", help=text)(
        command
    )


@cli.command(epilog=EPILOG)
@project_options
@model_options
@click.option("--store", help="Where artifacts go: s3://bucket/prefix or a directory.  [env: SYNTH_STORE]")
@click.option("--threads", type=click.IntRange(1), help="Models worked on at once; default: the profile's.")
@click.option("--full-refresh", "-f", is_flag=True, help="Recreate twins whose columns changed.")
@click.option(
    "--on-inconclusive",
    type=click.Choice(["block", "warn"]),
    help="Whether to publish what too few rows could not decide.  [env: SYNTH_ON_INCONCLUSIVE]",
)
@click.option("--force-retry", metavar="REASON", help="Try a model again that had too many attempts.")
def run(**options: Any) -> None:
    """Make, check, store and publish the twin of every tagged model."""
    settings = _settings(options)
    tasks, models = _plan(settings)
    if not tasks:
        return
    finished = _run(tasks, models, settings, options)
    if finished.interrupted:  # threads that still learn would be waited for by a plain exit
        sys.stdout.flush()
        os._exit(finished.exit_code)
    sys.exit(finished.exit_code)


@cli.command()
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

    settings = _settings(options, to_stderr=True)  # standard output belongs to the list
    tasks, models = _plan(settings)
    for listed in survey(tasks, settings, {model.unique_id for model in models}) if tasks else ():
        click.echo(as_json(listed) if output == "json" else as_text(listed))


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
        level, word = (logging.INFO, "OK") if ok else (logging.ERROR, "ERROR")
        log.event(level, f"{name:<12} {word:<5} {outcome}", {"check": name, "ok": ok})
    sys.exit(2 if failed else 0)


@cli.command()
@services_option
def up(project_dir: Path) -> None:
    """Start the embedded Postgres and object store, or find them running."""
    from synth.demo import services_root, typed  # noqa: PLC0415 - only the embedded commands need services
    from synth.services import up as start  # noqa: PLC0415 - as above

    endpoints = start(services_root(project_dir))
    click.echo(f"Postgres      {endpoints.host}:{endpoints.port}/{endpoints.database}")
    click.echo(f"Object store  {endpoints.endpoint_url}, {endpoints.store}")
    click.echo(f'Next: eval "$({typed(Path.cwd())} env)"')


@cli.command()
@services_option
def down(project_dir: Path) -> None:
    """Stop the embedded services; their data stay."""
    from synth.demo import services_root  # noqa: PLC0415 - as above
    from synth.services import down as stop  # noqa: PLC0415 - as above

    stop(services_root(project_dir))
    click.echo("Stopped.")


@cli.command()
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


@cli.command()
@services_option
@click.argument("model", required=False)
@click.option("--run-id", help="Of which run; default: the newest that has one.")
@click.option("--open/--no-open", "browse", default=sys.stdout.isatty, help="Default: open it on a terminal.")
@click.option("--serve", is_flag=True, help="Serve all reports, to this machine only, until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="For --serve.")
def report(project_dir: Path, **wanted: Any) -> None:
    """Print where the newest report is, of MODEL or of all models, and open it."""
    from synth.viewing import view  # noqa: PLC0415 - pyarrow and templates, which no other command here needs

    for line in view(find_artifacts(project_dir), **wanted):
        click.echo(line)


@cli.command()
@services_option
def demo(project_dir: Path) -> None:
    """Run the whole job from nothing: services, dbt seed, dbt run, synth run."""
    from synth.demo import demo as play  # noqa: PLC0415 - as above

    sys.exit(play(project_dir.resolve()))


def new_run_id() -> str:
    """A name for a run that sorts by time and is never given twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _run(
    tasks: tuple[Task, ...], models: tuple[Model, ...], settings: Settings, options: dict[str, Any]
) -> Finished:
    """Run the pipeline between the first and the last lines of its log."""
    from synth.pipeline import Job, run  # noqa: PLC0415 - pandas and pyarrow, which `ls` must not pay for

    run_id, target = new_run_id(), settings.connection.target
    found = f"{len(tasks)} model{'s' if len(tasks) > 1 else ''}"
    log.info(f"Running with synth={__version__}", version=__version__, run_id=run_id)
    log.info(f"Found {found} to synthesize, target {target}, run {run_id}", models=len(tasks))
    log.info("")
    args = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    args.pop("vars", None)  # may hold secrets
    database = settings.connection.database
    twins = {model.unique_id: Relation(database, settings.schema, model.relation.name) for model in models}
    with _interruptible():
        finished = run(Job(tasks, twins, {**args, "which": "run"}, models), settings, run_id)
    if finished.interrupted:
        log.error("Interrupted: what is not published was put away. Next: synth run")
    log.done(finished.results, finished.folder)
    return finished


@contextmanager
def _interruptible() -> Iterator[None]:
    """End in order at the first SIGINT or SIGTERM, and at once at the second."""

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, lambda *_: os._exit(INTERRUPTED))
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings(options: dict[str, Any], *, to_stderr: bool = False) -> Settings:
    """Settings from flags, and the log as they ask for it."""
    form, quiet, colors = options.pop("log_format"), options.pop("quiet"), options.pop("use_colors")
    log.configure(form=form, quiet=quiet, colors=colors, stream=sys.stderr if to_stderr else sys.stdout)
    return resolve(Flags(**options))


def _plan(settings: Settings) -> tuple[tuple[Task, ...], tuple[Model, ...]]:
    """The tasks, and all tagged models; says so when there is nothing to do."""
    manifest = read_manifest(settings.project.manifest_path)
    declared = read_models(manifest, settings.connection)
    for text in (*settings.warnings, *manifest.warnings, *declared.warnings):
        log.warning(text)
    tasks = plan(select(manifest, declared.models, settings), settings)
    if not declared.models:
        log.warning(
            "Nothing to do: no model is tagged. Next: add `config: {meta: {synthesize: true}}`, and dbt run"
        )
    elif not tasks:
        log.warning("Nothing to do: the selection matches no tagged model. Next: synth ls")
    return tasks, declared.models


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; whatever goes wrong is one line and exit code 2."""
    log.configure(form="text", quiet=False, colors=None)
    try:
        cli(arguments, prog_name="synth")
    except SynthError as error:
        log.error(f"Error: {error}", error=type(error).__name__)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - a traceback would show the exception's text, which may quote a row
        log.error(f"Error: {log.unexpected(error)}.", error=type(error).__name__)
        sys.exit(2)
