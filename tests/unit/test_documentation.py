"""What README and docs show can be typed: settings and commands exist, Python runs, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from synth.cli import cli
from synth.column_options import ColumnOptions
from synth.declarations import model_options
from synth.domain import Capabilities
from synth.settings import PROJECT_SCHEMA

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


def blocks(language: str) -> list[Any]:
    """Return the blocks of one language, each named after its page."""
    return [
        pytest.param(text, id=f"{page.name}-{index}")
        for page in PAGES
        for index, (name, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
        if name == language
    ]


def synth_commands() -> list[str]:
    """Return each call of synth in a console block, without its comment."""
    lines = {line for block in blocks("console") for line in block.values[0].splitlines()}
    return sorted(line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ synth "))


@pytest.mark.parametrize("text", blocks("yaml"))
def test_settings_that_are_shown_are_valid(text: str) -> None:
    settings = yaml.safe_load(text)
    models = settings.get("models", [])
    for model in models if isinstance(models, list) else []:
        model_options(model.get("config", {}).get("meta", {}).get("synth"), "page")
        for column in model.get("columns", []):
            ColumnOptions.model_validate(column["config"]["meta"]["synth"])
    PROJECT_SCHEMA.model_validate(settings.get("vars", {}).get("synth", {}))
    assert settings.keys() <= {"models", "vars"}


@pytest.mark.parametrize("text", blocks("python"))
def test_python_that_is_shown_runs(text: str) -> None:
    exec(compile(text, "page", "exec"), {})  # noqa: S102 - our own pages


@pytest.mark.parametrize("line", synth_commands())
def test_commands_that_are_shown_exist_with_their_flags(line: str) -> None:
    name, *rest = shlex.split(line)[1:]
    command = cli.commands[name]
    command.make_context(name, rest, parent=click.Context(cli), resilient_parsing=False)


def test_links_of_pages_lead_to_files() -> None:
    dead_links = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not dead_links


def test_files_that_the_page_of_changes_names_exist() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    paths = re.findall(r"`([a-z]\w*(?:/[\w.]+)+|[a-z]+\.py)`", page)
    files = {path if path.startswith(("docs/", "tests/")) else f"synth/{path}" for path in paths}
    missing_files = [path for path in files if not (ROOT / path).exists()]
    assert len(files) > 20
    assert not missing_files


def test_every_capability_of_a_backend_is_on_its_page() -> None:
    page = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(Capabilities) if f"| `{one.name}` |" not in page] == []


def test_the_pages_to_begin_with_are_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.split()) <= 900
    assert len(readme.splitlines()) <= 120
    assert (ROOT / "CONTRIBUTING.md").stat().st_size <= 8_000
