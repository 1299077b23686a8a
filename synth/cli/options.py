"""What commands share: flags, settings, the plan."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from synth import log
from synth.dbt.selection import select
from synth.declarations import read_models
from synth.domain import OPTIONS, Refusal
from synth.errors import WarehouseError
from synth.plan import plan
from synth.project.manifest import read_manifest
from synth.settings import RUN_OPTIONS, Flags, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from synth.declarations import Declarations
    from synth.domain import Option
    from synth.plan import Plan
    from synth.project.manifest import Manifest
    from synth.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

TYPES = {bool: bool, int: int, float: float}  # of flags, by the defaults of their options
EPILOG = "Exit codes: 0 everything asked for was published, 1 some model was not, 2 nothing could be run."


def _with(command: Callable[P, R], *options: Callable[[Callable[P, R]], Callable[P, R]]) -> Callable[P, R]:
    """Return the command with these options, which `--help` lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def _debug_option(**more: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the flag for those who look for a bug."""
    text = "Print the way to an unexpected error: files, lines and functions, and no values."
    return click.option(
        "--debug", is_flag=True, envvar="SYNTH_DEBUG", help=f"{text}  [env: SYNTH_DEBUG]", **more
    )


def project_options(command: Callable[P, R]) -> Callable[P, R]:
    """Return the flags that say which dbt project, and what of it."""
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
        _debug_option(),
    )


def model_options(command: Callable[P, R]) -> Callable[P, R]:
    """Return the flags that say which models, and how."""
    return _with(
        command,
        click.option("--select", "-s", multiple=True, help="Which tagged models, in dbt's selection syntax."),
        click.option("--exclude", multiple=True, help="Which to leave out."),
        click.option("--selector", help="A selector of selectors.yml."),
        run_option("schema"),
        *map(_flag, OPTIONS),
    )


def run_option(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the flag of an option of `synth.settings.RunOptions`."""
    return _flag(next(one for one in RUN_OPTIONS if one.name == name))


def _flag(one: Option) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the flag of an option; `synth.settings` makes its value of what is typed."""
    names = f"{one.flag}/--no-{one.flag.removeprefix('--')}" if one.is_switch else one.flag
    return click.option(
        names,
        one.name,
        type=click.Choice(one.choices) if one.choices else TYPES.get(type(one.default), str),
        default=None,
        metavar="NAME=VALUE,…" if one.is_mapping else None,
        help=f"{one.help} [default: {one.default_text}]  [env: {one.variable}]",
    )


def services_option(command: Callable[P, R]) -> Callable[P, R]:
    """Return the flags of the commands for the embedded services."""
    path = click.Path(path_type=Path, file_okay=False)
    text = "Where dbt_project.yml is; default: here.  [env: DBT_PROJECT_DIR]"
    return _with(
        command,
        click.option("--project-dir", type=path, default=Path.cwd, envvar="DBT_PROJECT_DIR", help=text),
        _debug_option(expose_value=False, callback=_show_frames),
    )


def _show_frames(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Configure the log of a command that has no other flag for it."""
    del context, parameter
    log.configure(form="text", quiet=False, colors=None, debug=value)


def read_settings(options: dict[str, Any], *, to_stderr: bool = False) -> Settings:
    """Return settings from flags, and the log as they ask for it."""
    log.configure(
        form=options.pop("log_format"),
        quiet=options.pop("quiet"),
        colors=options.pop("use_colors"),
        debug=options.pop("debug"),
        stream=sys.stderr if to_stderr else sys.stdout,
    )
    return resolve(Flags.of_command(options))


def read_plan(settings: Settings, only: Collection[str] | None = None) -> tuple[Plan, Declarations]:
    """Return the tasks and all that is declared; log a line when there is none.

    Args:
        settings: of the command.
        only: the models to take, by `unique_id`, in place of a selection.
    """
    from synth.dbt.compiling import with_sql_of_tests  # noqa: PLC0415 - may start dbt

    manifest = with_sql_of_tests(settings, read_manifest(settings.project.manifest_path))
    declarations = read_models(manifest, settings.connection)
    for text in (*settings.warnings, *manifest.warnings, *declarations.warnings):
        log.warning(text)
    declarations = _with_graph(manifest, declarations, settings)
    bare = {refusal.model.unique_id: refusal for refusal in declarations.refusals}
    selected_models = [
        model
        for model in select(manifest, declarations.everything, settings)
        if only is None or model.unique_id in only
    ]
    refusals = [bare[model.unique_id] for model in selected_models if model.unique_id in bare]
    work = plan([model for model in selected_models if model.unique_id not in bare], settings, refusals)
    if not declarations.everything:
        log.warning(
            "Nothing to do: no model is tagged. Next: add `config: {meta: {synthesize: true}}`, and dbt run"
        )
    elif not selected_models:
        log.warning("Nothing to do: the selection matches no tagged model. Next: synth ls")
    return work, declarations


def _with_graph(manifest: Manifest, declarations: Declarations, settings: Settings) -> Declarations:
    """Return the models as the whole project explains them; as declared where Postgres cannot be reached.

    A model about whose entity evidence contradicts itself is a refusal among others.

    Raises:
        WarehouseError: Postgres refused. Without the graph a person would count as many rows of their own.
    """
    models = declarations.models
    if not models:
        return declarations
    from synth.dbt.compiling import statements  # noqa: PLC0415 - may start dbt
    from synth.graph.decide import decide, open_questions  # noqa: PLC0415 - reads the warehouse
    from synth.graph.lineage import ancestry  # noqa: PLC0415 - as above
    from synth.warehouse import Warehouse  # noqa: PLC0415 - as above

    connection = settings.connection
    with ExitStack() as resources:
        try:
            warehouse = resources.enter_context(Warehouse(connection.conninfo(), role=connection.role))
        except WarehouseError:
            return declarations  # whoever needs the warehouse will say so
        nodes = ancestry(manifest, (model.unique_id for model in models))
        sql = statements(settings, manifest, nodes)
        graph = decide(manifest, models, warehouse, sql, infer=settings.options.reference is None)
    questions = open_questions(graph)
    refusals = [Refusal(one, questions[one.unique_id]) for one in graph.models if one.unique_id in questions]
    others = tuple(one for one in graph.models if one.unique_id not in questions)
    return replace(declarations, models=others, refusals=(*declarations.refusals, *refusals))
