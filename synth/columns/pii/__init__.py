"""Recognises what leads to people: by the names of columns, and by the form of their values."""

from synth.columns.pii.detector import Detection, detect, mentions
from synth.columns.pii.lexicon import is_name, is_personal, names_firm, read_beside, read_label, read_name
from synth.columns.pii.what import NAMES, USUAL, IdentifierKind, role_of

__all__ = [
    "NAMES",
    "USUAL",
    "Detection",
    "IdentifierKind",
    "detect",
    "is_name",
    "is_personal",
    "mentions",
    "names_firm",
    "read_beside",
    "read_label",
    "read_name",
    "role_of",
]
