"""The command line without services: help, errors, what every command takes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from synth._version import __version__
from synth.cli import cli, main
from synth.cli.execution import new_run_id

if TYPE_CHECKING:
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


def test_python_m_synth_is_synth() -> None:
    command = [sys.executable, "-m", "synth", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"synth, version {__version__}\n"


@pytest.mark.parametrize("name", ["run", "ls", "debug"])
def test_a_folder_without_a_project_is_one_line_and_exit_code_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([name])
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert len((captured.out + captured.err).splitlines()) == 1
    assert "dbt_project.yml" in captured.out + captured.err


def test_an_unforeseen_error_is_one_line_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    @cli.command("stumble")
    def _stumble() -> None:
        raise ValueError("somebody@example.com")

    try:
        with pytest.raises(SystemExit) as end:
            main(["stumble"])
    finally:
        del cli.commands["stumble"]
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert "Error: unexpected ValueError" in captured.out
    assert "somebody" not in captured.out + captured.err


def test_a_mistyped_command_is_answered_with_the_right_one() -> None:
    answer = CliRunner().invoke(cli, ["rnu"])
    assert answer.exit_code == 2
    assert isinstance(cli, click.Group)


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = [new_run_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [run_id[:16] for run_id in ids] == sorted(run_id[:16] for run_id in ids)
