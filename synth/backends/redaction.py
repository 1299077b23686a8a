"""What a service says, made fit to be shown: no link, no secret, nothing that may be a value of a row."""

from __future__ import annotations

import re

LONGEST = 200  # letters
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_SECRET = re.compile(r"\b(grt[a-z]?|nvapi-|bearer\s+)[\w.-]{6,}", re.IGNORECASE)
_QUOTATION = re.compile(r"(['\"`‘“«]).*?(['\"`’”»])", re.DOTALL)
_VALUE = re.compile(r"\S*(@|\d{2})\S*")


def redact(text: object) -> str:
    """Return the first line of `text`, with quotations, numbers, links and secrets left out."""
    if not isinstance(text, str):
        return ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    for pattern in (_LINK, _SECRET, _QUOTATION, _VALUE):
        first = pattern.sub("…", first)
    return first[:LONGEST].rstrip(". ")
