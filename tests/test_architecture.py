"""The layout keeps its promises: who imports whom, who reads the environment, where SQL is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from synth.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "synth"
FILES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(cli.commands.items())
VALUES = ("synth.domain", "synth.errors", "synth.figures", "synth.stated")
# What each may import of synth; the longest name that fits counts. Who is not named may import whatever is
# not forbidden to everybody.
MAY_IMPORT = {
    "synth.domain": ("synth.stated",),
    "synth.stated": (),
    "synth.errors": (),
    "synth.figures": (),
    "synth.engine": ("synth.engine",),
    "synth.backends": (*VALUES, "synth.backends", "synth.validation"),
    "synth.backends.local": (*VALUES, "synth.engine"),
    "synth.stores": (*VALUES, "synth.stores"),
    "synth.evaluate": (*VALUES, "synth.evaluate"),
    "synth.report": (*VALUES, "synth.report", "synth._version"),
    "synth.warehouse": (*VALUES, "synth.warehouse"),
    "synth.services": (*VALUES, "synth.services"),
    "synth.__main__": ("synth.cli",),
    "synth.airflow": ("synth.airflow", "synth._version"),
}
MOST_LINES, MOST_IN_A_FUNCTION = 400, 50
SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+into|delete\s+from|(create|drop|alter)\s+(table|schema|view)|grant\s.+\sto)\b",
    re.IGNORECASE | re.DOTALL,
)
# Messages may show SQL that a user should type; the services and the demo talk to a database of their own.
SQL_ELSEWHERE = {"synth.demo", "synth.services.postgres"}
ENVIRONMENT = ("synth.settings", "synth.demo", "synth.services", "synth.airflow")  # the others start programs
HEAVY = {"pandas", "numpy", "pyarrow", "sklearn", "boto3", "botocore", "psycopg", "faker"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, in functions and for types, too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    rules = [package for package in MAY_IMPORT if within(module, package)]
    ours = [name for name in imports(MODULES[module]) if within(name, "synth")]
    if rules:
        allowed = MAY_IMPORT[max(rules, key=len)]
        assert [name for name in ours if not any(within(name, package) for package in allowed)] == []
    if module != "synth.__main__" and not within(module, "synth.cli"):
        assert not [name for name in ours if within(name, "synth.cli")]


@pytest.mark.parametrize("module", MODULES)
def test_dbt_and_gretels_client_are_never_imported(module: str) -> None:
    found = {name.partition(".")[0] for name in imports(MODULES[module])}
    assert "dbt" not in found
    assert "gretel_client" not in found or module.startswith("synth.backends.gretel")
    assert "airflow" not in found or module.startswith("synth.airflow.")


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith(ENVIRONMENT)])
def test_the_environment_is_read_in_one_place(module: str) -> None:
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"environ", "getenv", "environb"}, f"{module}:{node.lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_sql_is_in_the_warehouse_only(module: str) -> None:
    if module.startswith("synth.warehouse") or module in SQL_ELSEWHERE:
        return
    assert not {"psycopg"} & {name.partition(".")[0] for name in imports(MODULES[module])}
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not SQL.search(node.value), f"{module}:{node.lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_short(module: str) -> None:
    path = MODULES[module]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_IN_A_FUNCTION, f"{module}.{node.name}"


def test_the_command_line_stays_thin() -> None:
    for path in (PACKAGE / "cli").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 200, path.name


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command_and_flag_is_explained(name: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Argument):  # has no help of its own
            assert parameter.human_readable_name in command.help
            continue
        assert isinstance(parameter, click.Option), f"{name} {parameter.name}"
        assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_the_readme_names_every_command(name: str) -> None:
    readme = ROOT / "README.md"
    assert not readme.exists() or re.search(rf"\bsynth {name}\b", readme.read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", ["import synth", "import synth.cli"])
def test_importing_synth_costs_nothing_that_only_a_run_needs(code: str) -> None:
    command = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
