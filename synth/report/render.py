"""`report.html` and `index.html`: one file each, without a script, a font or a picture from anywhere else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from synth.domain import Aspect
from synth.report import charts, words
from synth.report.palette import DARK, LIGHT

if TYPE_CHECKING:
    from synth.report.document import Document
    from synth.report.index import Index

MOST_PICTURED = 100  # columns; those that differ most


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("synth.report"),
        autoescape=True,  # names of columns come from whoever made the table
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=words.percent, title_of=words.title)
    environment.globals.update(charts=charts, words=words, light=LIGHT, dark=DARK)
    return environment


def render_report(document: Document) -> str:
    """Return the report of one model in one run, from nothing but its document."""
    gaps = {column.name: column.ceiling - column.accuracy for column in document.columns}
    distributions = sorted(document.portrait.distributions, key=lambda item: -gaps.get(item.name, 0.0))
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            document=document,
            privacy=document.of_aspect(Aspect.PRIVACY),
            quality=document.of_aspect(Aspect.QUALITY),
            worst=sorted(document.columns, key=lambda column: column.accuracy - column.ceiling)[:10],
            fits={column.name: column for column in document.columns},
            pictured=distributions[:MOST_PICTURED],
        )
    )


def render_index(index: Index) -> str:
    """Return the list of models and runs of a project."""
    return _environment().get_template("index.html.j2").render(index=index)
