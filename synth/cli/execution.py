"""From flags to a run that has ended: what `run`, `publish` and `retry` share."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from synth import log
from synth._version import __version__
from synth.cli.options import read_plan
from synth.domain import Relation
from synth.graph.telling import decisions
from synth.plan import plan, with_parents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from synth.pipeline import EndedRun
    from synth.plan import Plan
    from synth.settings import Settings

SIGINT_EXIT_CODE = 130  # 128 + SIGINT, as shells have it


class RunId(click.ParamType):  # type: ignore[type-arg] # generic in newer versions only
    """A name that is good for folders, keys of objects and comments alike."""

    name = "run_id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is, if it will do."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", str(value)):
            self.fail(
                "give at most 100 letters, digits, '_', '-' and '.', a letter or digit first", param, ctx
            )
        return str(value)


@dataclass(frozen=True, slots=True)
class Mode:
    """What kind of run it is; see `synth.runs.invocation.Invocation`."""

    which: str
    run_id: str | None = None
    no_publish: bool = False
    force: bool = False

    @classmethod
    def from_options(cls, options: dict[str, Any], which: str) -> Mode:
        """Return the mode, whose flags are taken out of `options`."""
        mode_options = {
            name: options.pop(name) for name in ("run_id", "no_publish", "force") if name in options
        }
        return cls(which, **mode_options)

    @property
    def flags(self) -> dict[str, object]:
        """The mode as it is kept with the results."""
        flags = {"run_id": self.run_id, "no_publish": self.no_publish, "force": self.force}
        return {**flags, "which": self.which}


def execute(
    settings: Settings, mode: Mode, options: dict[str, Any], only: Collection[str] | None = None
) -> NoReturn:
    """Run, and end the program with the exit code.

    Args:
        settings: of the run.
        mode: what kind of run it is.
        options: the other flags, for the results.
        only: the models to work on, by `unique_id`, in place of a selection.
    """
    ended_run = _run_to_end(settings, mode, options, only)
    if ended_run is None:
        sys.exit(0)
    if ended_run.is_interrupted:  # threads that still learn would be waited for by a plain exit
        sys.stdout.flush()
        os._exit(ended_run.exit_code)
    sys.exit(ended_run.exit_code)


def new_run_id() -> str:
    """Return a name for a run that sorts by time and is never given twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _run_to_end(
    settings: Settings, mode: Mode, options: dict[str, Any], only: Collection[str] | None
) -> EndedRun | None:
    """Run the pipeline between the first and the last lines of its log."""
    work, declarations = read_plan(settings, only)
    models = declarations.everything
    if not (work.tasks or work.refused_results):
        return None
    from synth.pipeline import run  # noqa: PLC0415 - pyarrow, which `ls` must not pay for
    from synth.runs.invocation import Invocation  # noqa: PLC0415 - pyarrow, which `ls` must not pay for

    invocation_id, database = new_run_id(), settings.connection.database
    run_id = mode.run_id or invocation_id
    _say(work, settings, mode, run_id)
    invocation = Invocation(
        work.tasks,
        {model.unique_id: Relation(database, settings.schema, model.relation.name) for model in models},
        {**_serializable(options), **mode.flags},
        models,
        context=plan(with_parents(work.tasks, declarations.models), settings).tasks
        if mode.no_publish
        else (),
        is_selection=only is not None or bool(settings.select or settings.exclude or settings.selector),
        is_named_run=mode.run_id is not None,
        keep=mode.no_publish,
        publish=mode.which == "publish",
        force=mode.force,
        invocation_id=invocation_id,
        refused_results=work.refused_results,
    )
    with _interruptible():
        ended_run = run(invocation, settings, run_id)
    if ended_run.is_interrupted:
        log.error("Interrupted: what is not published was put away. Next: synth retry")
    log.log_summary(ended_run.results, ended_run.folder)
    return ended_run


def _say(work: Plan, settings: Settings, mode: Mode, run_id: str) -> None:
    count = len(work.tasks) + len(work.refused_results)
    models = f"{count} model{'s' if count > 1 else ''}"
    purpose = "publish" if mode.which == "publish" else "synthesize"
    target = settings.connection.target
    log.info(f"Running with synth={__version__}", version=__version__, run_id=run_id)
    log.info(f"Found {models} to {purpose}, target {target}, run {run_id}", models=count)
    for task in work.tasks:
        for sentence in decisions(task.model):
            log.info(sentence, unique_id=task.model.unique_id)
    log.info("")


def _serializable(options: dict[str, Any]) -> dict[str, object]:
    """Return the flags for the results; of `--vars` only whether there were any."""
    args = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return {**args, "vars": bool(args.get("vars"))}


@contextmanager
def _interruptible() -> Iterator[None]:
    """End in order at the first SIGINT or SIGTERM, and at once at the second."""

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, lambda *_: os._exit(SIGINT_EXIT_CODE))
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
