"""Names are nouns and verbs: a participle alone (`found`, `remaining`) does not say what it is of."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
MOST = 0.005  # of all names
IRREGULAR = re.compile(
    r"born|bought|bound|broken|brought|built|caught|chosen|dealt|done|drawn|driven|fallen|"
    r"felt|forbidden|forgotten|fought|found|frozen|given|gone|grown|heard|held|hidden|kept|"
    r"known|laid|lent|lost|made|meant|met|mistaken|paid|risen|said|seen|sent|shaken|shown|"
    r"sold|sought|spent|split|spoken|stolen|stood|stuck|taken|taught|thought|thrown|told|"
    r"torn|undone|unknown|unseen|withdrawn|withheld|won|worn|written"
)
NOUNS = re.compile(
    r"bed|beginning|being|binding|building|casing|ceiling|computing|conditioning|copying|"
    r"damping|dbt|deed|encoding|ending|evening|everything|feed|finding|finishing|fitting|"
    r"folding|grouping|growing|handling|heading|hundred|indeed|king|learning|listing|"
    r"logging|making|mapping|meaning|meeting|morning|need|nothing|numbering|opening|"
    r"ordering|padding|parsing|raking|rating|reading|rejection|rendering|rewriting|ring|"
    r"rounding|saving|seed|setting|settings|sharing|sibling|something|spacing|speed|"
    r"spelling|spending|spring|staging|string|telling|testing|thing|tracing|training|"
    r"understanding|viewing|warning|wing|wording"
)


def is_bare_participle(name: str) -> bool:
    word = name.strip("_").lower()
    if "_" in word or NOUNS.fullmatch(word) or word.endswith(("thing", "listing")):
        return False
    return IRREGULAR.fullmatch(word) is not None or (len(word) > 4 and word.endswith(("ed", "ing")))


def names_of(tree: ast.Module) -> Iterator[str]:
    """The names of functions, classes, arguments, variables and attributes, but not of states."""
    states = {
        id(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
    }
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()) if id(node) not in states:
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case _:
                pass


@pytest.mark.parametrize("folder", ["synth", "tests", "benchmarks"])
def test_hardly_a_name_is_a_bare_participle(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = [name for path in paths for name in (path.stem, *names_of(ast.parse(path.read_text("utf-8"))))]
    participles = [name for name in names if is_bare_participle(name)]
    assert len(names) > 500
    assert len(participles) <= MOST * len(names), sorted(set(participles))


@pytest.mark.parametrize("name", ["found", "_given", "remaining", "KNOWN", "Labelled"])
def test_participles_are_known(name: str) -> None:
    assert is_bare_participle(name)


@pytest.mark.parametrize("name", ["seed", "string", "found_rows", "read", "ModelListing", "red"])
def test_nouns_and_verbs_are_none(name: str) -> None:
    assert not is_bare_participle(name)
