"""The report: a document for programs, a page for people, and a page for all models of a project.

The page shows nothing that is not in the document, and the document holds no value of a source row.
"""

from synth.report.document import ColumnTreatment, Document, make_document
from synth.report.index import Index, RunOutcome
from synth.report.render import render_index, render_report

__all__ = [
    "ColumnListing",
    "ColumnTreatment",
    "Document",
    "Index",
    "RunOutcome",
    "make_document",
    "render_index",
    "render_report",
]
