"""The command line: parse, call, print, exit code."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import click

from synth import log
from synth._version import __version__
from synth.cli import checking, looking, remote, running, services, twins
from synth.cli.options import EPILOG
from synth.errors import SynthError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SELECTION_FLAGS = ("--select", "-s", "--exclude")
COMMANDS = (
    running.run,
    running.publish,
    running.retry,
    looking.ls,
    looking.plan,
    looking.debug,
    looking.report,
    remote.jobs,
    twins.test,
    checking.check,
    twins.docs,
    twins.compare,
    services.up,
    services.down,
    services.env,
    services.demo,
)


class SynthGroup(click.Group):
    """The commands, of which a selection may be several words, as dbt's may: `--select a b`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and its words, each word of a selection behind a flag of its own."""
        name, command, words = super().resolve_command(ctx, args)
        takes_words = command and any(isinstance(each, click.Argument) for each in command.params)
        return name, command, words if takes_words else repeat_flags(words, SELECTION_FLAGS)


def repeat_flags(words: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return the words with a flag again before each further word that follows it."""
    result: list[str] = []
    flag, is_first = "", False
    for word in words:
        if word.startswith("-"):
            flag, is_first = (word, True) if word in flags else ("", False)
        elif flag and not is_first:
            result.append(flag)
        else:
            is_first = False
        result.append(word)
    return result


@click.group(cls=SynthGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="synth")
def cli() -> None:
    """Publish synthetic twins of dbt models: tag a model, run dbt, run synth, query the twin.

    A model is tagged by `config: {meta: {synthesize: true}}`. Flags, profile and target are dbt's own.
    """


for command in COMMANDS:
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; whatever goes wrong is one line and exit code 2."""
    log.configure(form="text", quiet=False, colors=None)
    try:
        cli(arguments, prog_name="synth")
    except SynthError as error:
        log.error(f"Error: {error}", error=type(error).__name__)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - a traceback would show the exception's text, which may quote a row
        log.error(f"Error: {log.describe_unexpected(error)}.", error=type(error).__name__)
        sys.exit(2)


def program() -> NoReturn:
    """Run the command line, and end the process.

    An evaluation that took too long still runs in its thread. A plain exit would break off inside a library
    then, with a code of its own.
    """
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    if threading.active_count() == 1 or not isinstance(code, int):
        sys.exit(code if code is None or isinstance(code, int) else str(code))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
