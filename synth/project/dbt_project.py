"""`dbt_project.yml`: where the project is, what it is called, which profile and variables it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from synth.errors import ConfigError
from synth.project.rendering import Renderer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT_FILE = "dbt_project.yml"


@dataclass(frozen=True, slots=True)
class Project:
    """A dbt project as its `dbt_project.yml` describes it."""

    directory: Path
    name: str
    profile: str | None
    target_path: Path
    vars: Mapping[str, object] = field(repr=False)

    @property
    def file(self) -> Path:
        """The project file, for messages."""
        return self.directory / PROJECT_FILE

    @property
    def manifest_path(self) -> Path:
        """Where dbt writes the manifest."""
        return self.target_path / "manifest.json"


def find_project(start: Path) -> Path:
    """Return `start` or its nearest parent that holds a dbt project; `start` where none does, as dbt does."""
    start = start.resolve()
    return next((place for place in (start, *start.parents) if (place / PROJECT_FILE).is_file()), start)


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: the file cannot be read, is not valid YAML, or holds something else.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        # Not the parser's own text: it quotes the line, which may hold a password.
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path} is not valid YAML{line}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold keys and values, not a {type(content).__name__}.")
    return content


def read_project(
    directory: Path,
    *,
    environ: Mapping[str, str],
    cli_vars: Mapping[str, object],
    target_path: str | Path | None = None,
) -> Project:
    """Return the project in `directory`; `target_path` beats the project's own; both are relative.

    Raises:
        ConfigError: there is no project, or its file is not usable.
    """
    file = directory / PROJECT_FILE
    if not file.is_file():
        raise ConfigError(
            f"No {PROJECT_FILE} in {directory} or above; run synth in a dbt project, or pass --project-dir."
        )
    content = load_yaml(file)
    renderer = Renderer(environ, cli_vars)

    def text(key: str) -> str | None:
        value = renderer.render(content.get(key), where=f"{file}: `{key}`")
        return None if value is None else str(value)

    name = text("name")
    if not name:
        raise ConfigError(f"{file}: `name` is missing; a dbt project needs one.")
    return Project(
        directory=directory,
        name=name,
        profile=text("profile"),
        target_path=directory / (target_path or text("target-path") or "target"),
        vars=_effective_vars(content.get("vars"), name, cli_vars, file=file),
    )


def _effective_vars(
    variables: object, name: str, cli_vars: Mapping[str, object], *, file: Path
) -> Mapping[str, object]:
    """Return global variables, over them those scoped to the project, over them the command line's."""
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        raise ConfigError(f"{file}: `vars` must be a mapping.")
    project_variables = variables.get(name)
    # In a project that is itself called synth, `vars: {synth: …}` is both dbt's scope and our settings.
    ours = name == "synth" and isinstance(project_variables, dict) and "synth" not in project_variables
    if isinstance(project_variables, dict) and not ours:
        variables = {**variables, **project_variables}
    return {**variables, **cli_vars}
