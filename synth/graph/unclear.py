"""Columns whose values may be those of people though no name says so."""

from __future__ import annotations

from math import log
from statistics import median
from typing import TYPE_CHECKING

import pyarrow as pa

from synth.columns.forms import form_of
from synth.columns.pii.detector import FEWEST, SOME
from synth.columns.pii.lexicon import NAME, PEOPLE, THINGS, words_of
from synth.columns.pii.people import could_be_person, looks_like
from synth.domain import Kind, is_identifier
from synth.graph.repeats import SPARSE, ways
from synth.graph.words import is_named_after_others, is_premises, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import Column

HALF = 0.5  # share of the different values that must look so, and of rows that must differ
PHONE = 7  # digits of numbers that may call somebody
LABELS = NAME | {"label", "title", "titel", "titre", "titulo", "text", "code", "sku", "description"}
LABELS |= {"libelle", "intitule", "designation", "bezeichnung", "denominacion", "etiqueta", "descripcion"}
LABELS |= {"etichetta", "descrizione", "denominazione", "titolo", "codice"}
LEAST_FOR_NONE = -9  # hashes may be below 0, too, and are somebody's
LIKE_NAMES = "may hold names of people"
UNSHARED = "holds values that rows do not share"


def unclear_columns(table: str, columns: Iterable[Column], sample: pa.Table) -> Mapping[str, str]:
    """Return which columns may hold what leads to people, and why, as the end of a sentence about each.

    What is called as a thing is one, and so are labels and codes of a table that is called as one. Elsewhere
    text that could be names, long codes that rows do not share, long numbers and documents may be anybody's.
    """
    is_site = is_premises(table, sample.num_rows)
    may_be_owners = is_site and not is_named_after_others(table)
    is_thing = is_site or bool(THINGS & {*words_of(stem(table)), *words_of(table)})
    reasons = {}
    for column in columns:
        words = {*words_of(column.name)}
        values = [
            one for one in sample.column(column.name).drop_null().to_pylist() if not _stands_for_none(one)
        ]
        if may_be_owners and LABELS & words and _are_people(values):
            reasons[column.name] = LIKE_NAMES
        elif not THINGS & words or PEOPLE & words:
            reasons[column.name] = _reason(column, values, is_thing=is_thing)
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(column: Column, values: Sequence[object], *, is_thing: bool) -> str:
    if not values or (is_thing and (is_identifier(column.name) or LABELS & {*words_of(column.name)})):
        return ""
    different = {str(one).strip() for one in values}
    is_unshared = len(different) > HALF * len(values)
    if column.kind is Kind.TEXT and sum(map(could_be_person, different)) >= HALF * len(different):
        return LIKE_NAMES if is_unshared or not is_thing or _are_known(different) else ""
    if is_thing or not is_unshared:
        return ""
    if column.kind in {Kind.TEXT, Kind.OPAQUE}:
        return "" if _are_codes([*different]) else UNSHARED
    is_long = column.kind in {Kind.INTEGER, Kind.DECIMAL} and _digits(different) >= PHONE
    return UNSHARED if is_long and form_of(column, pa.chunked_array([pa.array(values)])) is None else ""


def _stands_for_none(value: object) -> bool:
    """Return whether a value is a small number below 0, as keys of rows for what is not known are."""
    return isinstance(value, int) and LEAST_FOR_NONE <= value < 0


def _are_people(values: Sequence[object]) -> bool:
    """Return whether the texts, however few, are known names of people, as those of a carrier may be."""
    return looks_like(map(str, values))[1] >= SOME


def _are_known(texts: set[str]) -> bool:
    return len(texts) >= FEWEST and looks_like(texts)[1] >= SOME


def _are_codes(texts: list[str]) -> bool:
    """Return whether hardly more such texts could be written than there are."""
    return ways(texts) - log(len(texts)) < SPARSE


def _digits(numbers: set[str]) -> float:
    return median(sum(map(str.isdigit, number.partition(".")[0])) for number in numbers)
