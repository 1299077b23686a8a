"""What a user may write to keep more of a column, ready to paste into the file where it belongs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from synth.columns.handling import FEW_VALUES, why_empty
from synth.columns.sharing import Values
from synth.domain import RARE, Kind, Role, plain_words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from synth.columns.roles import Treatment
    from synth.domain import Model

NEW_FILE = "_synth.yml"  # beside a model that no YAML describes yet
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
SHORT_LIST = 200  # rows of a table that may be a list everybody knows
OF_NO_PEOPLE = frozenset(
    [
        "band",
        "category",
        "channel",
        "class",
        "code",
        "country",
        "currency",
        "direction",
        "format",
        "grade",
        "group",
        "kind",
        "language",
        "level",
        "method",
        "mode",
        "month",
        "phase",
        "plan",
        "priority",
        "reason",
        "region",
        "season",
        "segment",
        "severity",
        "size",
        "source",
        "stage",
        "state",
        "status",
        "tier",
        "type",
        "unit",
        "weekday",
        "year",
    ]
)
WAY_OUT = (
    f"To keep more, say what they are: labels of fewer than {RARE} people never come back. "
    "Leave out the lines of columns that are somebody's own."
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A column that is not learned though nobody said so, why, and the role that would keep more of it.

    No role would where rows share no value of it; `is_listed` says that its model may be a list about nobody.
    """

    column: str
    reason: str
    role: Role | None
    is_listed: bool = False


def advice(
    treatments: Sequence[Treatment],
    rows: pa.Table,
    *,
    owners: pa.ChunkedArray | None = None,
    computed_columns: Collection[str] = (),
    about_nobody: bool = False,
) -> tuple[Advice, ...]:
    """Return what there is to say of the columns of a model.

    Args:
        treatments: of its columns.
        rows: that are learned from.
        owners: whom each row is about; None where that is the row itself.
        computed_columns: columns that a formula decides, whatever is learned of them.
        about_nobody: whether no column leads to people.
    """
    is_listed = about_nobody and owners is None and rows.num_rows <= SHORT_LIST
    return tuple(
        Advice(one.column.name, reason, _role(one, rows.column(one.column.name), owners), is_listed)
        for one in treatments
        if (reason := _reason(one)) and one.column.name not in computed_columns
    )


def cannot_be_people(name: str) -> bool:
    """Return whether a column is called so that its labels are no people's: a kind, a status, a currency."""
    words = plain_words(name)
    return bool(words) and words[-1] in OF_NO_PEOPLE


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
    blocks = []
    for file in files:
        here = [(model, columns) for model, columns in models_with_advice if yaml_file(model) == file]
        if entries := [line for model, columns in here for line in _entry(model, columns)]:
            blocks += [f"In {file}:", "models:", *entries]
    what = "1 column is" if number == 1 else f"{number} columns are"
    return "\n".join(
        [
            f"{what} not learned, because nothing says what may be kept:",
            *reasons,
            *([WAY_OUT] if blocks else []),
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


def _role(treatment: Treatment, values: pa.ChunkedArray, owners: pa.ChunkedArray | None) -> Role | None:
    """Return what the column may be declared as; None where nothing of it would be kept all the same."""
    if treatment.origin == FEW_VALUES:
        return None
    if treatment.column.kind in NUMERIC:
        return Role.NUMBER
    return Role.CATEGORY if Values(values, owners).has_common else None


def _entry(model: Model, columns: Sequence[Advice]) -> list[str]:
    """Return the lines that keep more of a model; none where no declaration would."""
    name = f"  - name: {_quote(model.name)}"
    if columns[0].is_listed:
        return [name, "    config: {meta: {synth: {reference: true}}}  # if its rows are about nobody"]
    lines = [
        line
        for one in columns
        if one.role is not None
        for line in (
            f"      - name: {_quote(one.column)}",
            f"        config: {{meta: {{synth: {{role: {one.role}}}}}}}",
        )
    ]
    return [name, "    columns:", *lines] if lines else []


def _quote(name: str) -> str:
    plain = PLAIN.fullmatch(name) and name.lower() not in WORDS_OF_YAML
    return name if plain else json.dumps(name, ensure_ascii=False)
