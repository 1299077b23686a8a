"""The command line without services: help, errors, what every command takes."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from synth._version import __version__
from synth.cli import SELECTION_FLAGS, cli, main, repeat_flags
from synth.cli.execution import new_run_id
from synth.cli.options import project_options, read_settings, services_option
from synth.errors import SynthError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DBT_FLAGS = {"--project-dir", "--profiles-dir", "--profile", "--target", "--vars", "--quiet", "--log-format"}
SELECTION = {"--select", "--exclude", "--selector"}


def flags(name: str) -> set[str]:
    return {flag for parameter in cli.commands[name].params for flag in parameter.opts}


@pytest.mark.parametrize("name", ["", *sorted(cli.commands)])
def test_every_command_has_help(name: str) -> None:
    answer = CliRunner().invoke(cli, [*([name] if name else []), "--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")


def test_commands_take_dbts_flags() -> None:
    assert flags("run") >= DBT_FLAGS | SELECTION | {"--threads", "--full-refresh", "-s", "-t", "-f"}
    assert flags("ls") >= DBT_FLAGS | SELECTION | {"--output"}
    assert flags("debug") >= DBT_FLAGS


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("--select a b --quiet", "--select a --select b --quiet"),
        ("-s a b c --exclude d e", "-s a -s b -s c --exclude d --exclude e"),
        ("--select=a --rows 5 --select b", "--select=a --rows 5 --select b"),
        ("--rows 5 a --select", "--rows 5 a --select"),  # click says what is wrong
    ],
)
def test_a_selection_may_be_several_words_as_in_dbt(words: str, arguments: str) -> None:
    assert " ".join(repeat_flags(words.split(), SELECTION_FLAGS)) == arguments


def test_a_command_with_words_of_its_own_keeps_them() -> None:
    context = click.Context(cli)
    assert cli.resolve_command(context, ["publish", "--select", "a", "run"])[2] == ["--select", "a", "run"]
    assert cli.resolve_command(context, ["run", "--select", "a", "b"])[2] == [
        "--select",
        "a",
        "--select",
        "b",
    ]


def test_python_m_synth_is_synth() -> None:
    command = [sys.executable, "-m", "synth", "--version"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == f"synth, version {__version__}\n"


@pytest.mark.parametrize("name", ["run", "ls", "debug"])
def test_a_folder_without_a_project_is_one_line_and_exit_code_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([name])
    output = capsys.readouterr()
    assert end.value.code == 2
    assert len((output.out + output.err).splitlines()) == 1
    assert "dbt_project.yml" in output.out + output.err


@pytest.mark.parametrize("share", [project_options, services_option])
def test_an_unforeseen_error_is_one_line_without_its_text_and_debug_adds_the_way_to_it(
    share: Callable[[Any], Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @cli.command("stumble")
    @share
    def _stumble(**options: Any) -> None:
        if share is project_options:
            with suppress(SynthError):
                read_settings(options)
        raise ValueError("somebody@example.com")

    answers = []
    try:
        for flags, variable in (([], ""), (["--debug"], ""), ([], "1")):
            monkeypatch.setenv("SYNTH_DEBUG", variable)
            with pytest.raises(SystemExit) as end:
                main(["stumble", *flags])
            assert end.value.code == 2
            answers.append(capsys.readouterr().out)
    finally:
        del cli.commands["stumble"]
    plain, *with_frames = answers
    assert len(plain.splitlines()) == 1
    assert "Error: unexpected ValueError" in plain
    assert all(re.search(r"test_cli\.py:\d+ in _stumble", answer) for answer in with_frames)
    assert all(f"{plain.partition('  ')[2]}" in answer for answer in with_frames)
    assert not any("somebody" in answer for answer in answers)


def test_a_mistyped_command_is_answered_with_the_right_one() -> None:
    answer = CliRunner().invoke(cli, ["rnu"])
    assert answer.exit_code == 2
    assert isinstance(cli, click.Group)


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = [new_run_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [run_id[:16] for run_id in ids] == sorted(run_id[:16] for run_id in ids)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_program_ends_though_a_thread_still_works(code: int) -> None:
    script = (
        "import sys, threading, time\n"
        "import synth.cli\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        f"synth.cli.main = lambda: sys.exit({code})\n"
        "print('the last line')\n"
        "synth.cli.program()\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert (process.returncode, process.stdout, process.stderr) == (code, "the last line\n", "")
