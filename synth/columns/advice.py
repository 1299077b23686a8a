"""What a user may write to keep more of a column, ready to paste into the file where it belongs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from synth.columns.handling import FEW_VALUES, why_empty
from synth.domain import RARE, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.columns.roles import Treatment
    from synth.domain import Model

NEW_FILE = "_synth.yml"  # beside a model that no YAML describes yet
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


@dataclass(frozen=True, slots=True)
class Advice:
    """A column that is not learned though nobody said so, why, and the role that would keep more of it."""

    column: str
    reason: str
    role: Role


def advice(treatments: Sequence[Treatment]) -> tuple[Advice, ...]:
    """Return what there is to say of the columns of a model."""
    return tuple(
        Advice(one.column.name, reason, _role(one)) for one in treatments if (reason := _reason(one))
    )


def in_one_block(models: Sequence[tuple[Model, Sequence[Advice]]]) -> str:
    """Return one text for all models: what happens to which columns and why, and the YAML that changes it.

    Empty where nothing is to be said.
    """
    models_with_advice = [(model, columns) for model, columns in models if columns]
    if not models_with_advice:
        return ""
    number = sum(len(columns) for _, columns in models_with_advice)
    reasons = [
        f"  {model.name}.{one.column} {one.reason}"
        for model, columns in models_with_advice
        for one in columns
    ]
    files = dict.fromkeys(yaml_file(model) for model, _ in models_with_advice)
    blocks = [
        line
        for file in files
        for line in (
            f"In {file}:",
            "models:",
            *(
                line
                for model, columns in models_with_advice
                if yaml_file(model) == file
                for line in _entry(model, columns)
            ),
        )
    ]
    what = "1 column is" if number == 1 else f"{number} columns are"
    return "\n".join(
        [
            f"{what} not learned, because nothing says what may be kept:",
            *reasons,
            (
                f"To keep more, say what they are: labels of fewer than {RARE} people never come back. "
                "Leave out the lines of columns that are somebody's own."
            ),
            *blocks,
        ]
    )


def yaml_file(model: Model) -> str:
    """Return the file that describes a model, or the one to be written where none does yet."""
    path = PurePosixPath(model.path)
    if path.suffix in {".yml", ".yaml"}:
        return model.path
    return f"{path.parent / NEW_FILE} (a new file)"


def _reason(treatment: Treatment) -> str:
    if treatment.doubt or treatment.origin == "declared":
        return ""
    if treatment.role is Role.FREE_TEXT:
        instead = "is placeholder text" if treatment.is_required else "is NULL"
        return f"{instead}: {treatment.unsure or why_empty(treatment.origin)}"
    return f"is made up: it {treatment.unsure}" if treatment.unsure else ""


def _role(treatment: Treatment) -> Role:
    """Return what the column may be declared as; where too few have a value, that it is to be empty."""
    if treatment.origin == FEW_VALUES:
        return Role.FREE_TEXT
    return Role.NUMBER if treatment.column.kind in NUMERIC else Role.CATEGORY


def _entry(model: Model, columns: Sequence[Advice]) -> list[str]:
    return [
        f"  - name: {_quote(model.name)}",
        "    columns:",
        *(
            line
            for one in columns
            for line in (
                f"      - name: {_quote(one.column)}",
                f"        config: {{meta: {{synth: {{role: {one.role}}}}}}}",
            )
        ),
    ]


def _quote(name: str) -> str:
    plain = PLAIN.fullmatch(name) and name.lower() not in WORDS_OF_YAML
    return name if plain else json.dumps(name, ensure_ascii=False)
