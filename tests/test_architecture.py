"""The layout keeps its promises: who imports whom, who reads the environment, where SQL is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from synth.cli import cli
from synth.domain import RARE
from synth.engine import Synthesizer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "synth"
FILES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(cli.commands.items())
# The house from the top floor down: rooms, and the files at the root of the package. A file imports from its
# own room and from lower floors; what is new gets its floor here first.
HOUSE = (
    "__main__",
    "cli",
    "debug demo outline viewing",
    "listing",
    "pipeline",
    "twins",
    "corrections",
    "sampling",
    "dbt",
    "runs",
    "declarations plan",
    "graph",
    "column_options facts progress settings",
    "backends columns evaluate log project report services stores warehouse",
    "histories",
    "engine guarantee validation",
    "domain",
    "__init__ airflow",
    "_version errors",
)
FLOORS = {room: floor for floor, rooms in enumerate(reversed(HOUSE)) for room in rooms.split()}
VALUES = ("synth.domain", "synth.errors")
# Rooms that know less than their floor would let them; the longest name that fits counts.
MAY_IMPORT = {
    "synth.domain": ("synth.domain",),
    "synth.engine": ("synth.engine",),
    "synth.histories": ("synth.engine", "synth.histories"),
    "synth.guarantee": ("synth.guarantee",),
    "synth.columns": (*VALUES, "synth.columns"),
    "synth.project": (*VALUES, "synth.project"),
    "synth.facts": (*VALUES, "synth.facts", "synth.project", "synth.warehouse"),
    "synth.graph": (
        *(*VALUES, "synth.graph"),
        *("synth.columns", "synth.facts", "synth.project", "synth.warehouse"),
    ),
    "synth.backends": (*VALUES, "synth.backends", "synth.validation"),
    "synth.backends.local": (*VALUES, "synth.engine", "synth.histories"),
    "synth.stores": (*VALUES, "synth.stores"),
    "synth.evaluate": (*VALUES, "synth.evaluate"),
    "synth.report": (*VALUES, "synth.report", "synth._version"),
    "synth.warehouse": (*VALUES, "synth.warehouse"),
    "synth.services": (*VALUES, "synth.services"),
    "synth.airflow": ("synth.airflow", "synth._version"),
    "synth.__main__": ("synth.cli",),
}
QUIET_ROOMS = ("columns", "corrections", "dbt", "graph", "project", "runs", "sampling", "twins")
MOST_LINES, MOST_IN_A_FUNCTION = 400, 50
SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+into|delete\s+from|(create|drop|alter)\s+(table|schema|view)|grant\s.+\sto)\b",
    re.IGNORECASE | re.DOTALL,
)
# Messages may show SQL that a user should type; the services and the demo talk to a database of their own.
SQL_ELSEWHERE = {"synth.demo", "synth.services.postgres"}
ENVIRONMENT = ("synth.settings", "synth.demo", "synth.services", "synth.airflow")  # the others start programs
HEAVY = {"pandas", "numpy", "pyarrow", "sklearn", "boto3", "botocore", "psycopg", "faker", "sqlglot"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return every module that a file imports, in functions and for types, too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def room_of(module: str) -> str:
    return "__init__" if module == "synth" else module.split(".")[1]


def ours(module: str) -> list[str]:
    return [name for name in imports(MODULES[module]) if within(name, "synth")]


def test_how_many_entities_make_something_common_is_said_once() -> None:
    definition = re.compile(r"^_?(RARE|FEWEST|K) = 10\b", re.MULTILINE)
    homes = [name for name, path in MODULES.items() if definition.search(path.read_text(encoding="utf-8"))]
    assert homes == ["synth.domain.rarity"]
    assert signature(Synthesizer).parameters["rare"].default == RARE


def test_every_file_has_its_place_in_the_house() -> None:
    assert {room_of(module) for module in MODULES} == set(FLOORS)


def test_class_names_are_unique_in_the_package() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_imports_go_one_way() -> None:
    upward = [
        f"{module} imports {name}"
        for module in MODULES
        for name in ours(module)
        if room_of(name) != room_of(module) and FLOORS[room_of(name)] >= FLOORS[room_of(module)]
    ]
    assert not upward


def test_rooms_import_what_they_may_know() -> None:
    strangers = []
    for module in MODULES:
        rules = [package for package in MAY_IMPORT if within(module, package)]
        permitted_imports = MAY_IMPORT[max(rules, key=len)] if rules else ("synth",)
        strangers += [
            f"{module} imports {name}"
            for name in ours(module)
            if not any(within(name, package) for package in permitted_imports)
        ]
    assert not strangers


def test_values_are_imported_from_their_room_and_not_from_its_files() -> None:
    permitted_imports = {"synth.domain", "synth.domain.figures"}  # figures are for pictures alone
    strangers = [
        f"{module} imports {name}"
        for module in MODULES
        if not within(module, "synth.domain")
        for name in ours(module)
        if within(name, "synth.domain") and name not in permitted_imports
    ]
    assert not strangers


@pytest.mark.parametrize(
    "room", ["columns", "corrections", "dbt", "graph", "project", "runs", "sampling", "twins"]
)
def test_entering_a_room_loads_nothing(room: str) -> None:
    assert len(tree(MODULES[f"synth.{room}"]).body) == 1  # the docstring


def test_dbt_and_gretels_client_are_never_imported() -> None:
    for module, path in MODULES.items():
        packages = {name.partition(".")[0] for name in imports(path)}
        assert "dbt" not in packages, module
        assert "gretel_client" not in packages or module.startswith("synth.backends.gretel"), module
        assert "airflow" not in packages or module.startswith("synth.airflow."), module


def test_the_environment_is_read_in_one_place() -> None:
    readers = [
        f"{module}:{node.lineno}"
        for module, path in MODULES.items()
        if not module.startswith(ENVIRONMENT)
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]
    assert not readers


def test_sql_is_in_the_warehouse_only() -> None:
    others = {
        module: path
        for module, path in MODULES.items()
        if not module.startswith("synth.warehouse") and module not in SQL_ELSEWHERE
    }
    drivers = [module for module, path in others.items() if any(within(n, "psycopg") for n in imports(path))]
    statements = [
        f"{module}:{node.lineno}"
        for module, path in others.items()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
    ]
    assert not drivers
    assert not statements


def test_files_and_functions_are_short() -> None:
    files = [
        name
        for name, path in MODULES.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES
    ]
    functions = [
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_IN_A_FUNCTION
    ]
    assert not files
    assert not functions


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
    process = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert not HEAVY & set(process.stdout.split())
