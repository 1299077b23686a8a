"""Text that says nothing, where a column of prose may not be NULL."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.keys import texts_of_pattern
from synth.domain import RARE, Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.columns.patterns import TextPattern
    from synth.domain import Column

TRIES = 20
USUAL_LENGTH = 20  # characters where nothing is known of the real texts
LONGEST = 400  # characters of placeholder text, however long the real texts are
SAMPLE = 20_000  # texts that lengths are read from
EMPTY = {
    "json": "{}",
    "jsonb": "{}",
    "bytea": "\\x",
    "hstore": "",
    "tsvector": "",
    "xml": "<empty/>",
    "point": "(0,0)",
    "box": "(0,0),(0,0)",
    "tsquery": "",
    "pg_lsn": "0/0",
    "bit varying": "",
    "macaddr": "00:00:00:00:00:00",
    "time with time zone": "00:00+00",
    **dict.fromkeys(("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"), "empty"),
    **dict.fromkeys(("int4multirange", "int8multirange", "nummultirange", "datemultirange"), "{}"),
    **dict.fromkeys(("tsmultirange", "tstzmultirange"), "{}"),
}


def has_placeholder(column: Column, *, unique: bool) -> bool:
    """Return whether something that says nothing can stand in a column for what may not be NULL."""
    return column.kind is Kind.TEXT or (not unique and _empty(column) is not None)


def placeholders(
    column: Column,
    rows: int,
    rng: np.random.Generator,
    *,
    real: pa.ChunkedArray,
    existing: pa.ChunkedArray,
    unique: bool,
    pattern: TextPattern | None = None,
) -> pa.Array:
    """Return `rows` texts of words about as long as the real ones, none of them real.

    Of other types than text it is the empty value. Where words do not match the pattern, other text does.

    Raises:
        ModelError: the column is too short for so many different texts.
    """
    if column.kind is not Kind.TEXT:
        return pa.array([_empty(column)] * rows, pa.string())
    real_texts = pd.Index(existing.drop_null().unique().to_pylist(), dtype=object)
    texts = real_texts[:0]
    for _ in range(TRIES):
        lengths = rng.choice(_lengths(real, column, pattern), rows - len(texts) + 8)
        words = _texts(lengths, rng)
        if pattern is not None:
            fitting_words = [next(filter(pattern.fits, _cases(text)), None) for text in words]
            words = [word for word in fitting_words if word is not None]
            if 2 * len(words) < len(lengths):
                return texts_of_pattern(pattern, column, rows, rng, unique=unique)
        fresh = pd.Index(words, dtype=object)
        texts = texts.append(fresh[~fresh.isin(real_texts)])
        texts = texts.unique() if unique else texts
        if len(texts) >= rows:
            return pa.array(texts[:rows].to_numpy(object), pa.string())
    raise ModelError(
        f"There are not enough placeholder texts for {column.name} ({column.data_type}, {rows} rows"
        f"{', unique' if unique else ''}). Next: declare natural_key or drop, or ask for fewer rows."
    )


def _cases(text: str) -> tuple[str, ...]:
    return text, text.lower(), text.upper()


def _empty(column: Column) -> str | None:
    return "{}" if column.data_type.endswith("[]") else EMPTY.get(column.data_type.rpartition(".")[2])


def _lengths(real: pa.ChunkedArray, column: Column, pattern: TextPattern | None) -> NDArray[np.int64]:
    """Return the lengths of the real texts, cut where `RARE` texts reach; else of a pattern."""
    lengths = np.sort(pc.utf8_length(real.drop_null().slice(0, SAMPLE)).to_numpy())
    if not len(lengths):
        usual_length = min(USUAL_LENGTH, column.length or USUAL_LENGTH)
        possible_lengths = [len(one.positions) for one in pattern.formats] if pattern else []
        return np.array(
            [min(possible_lengths, key=lambda length: abs(length - usual_length), default=usual_length)]
        )
    place = min(RARE, len(lengths)) - 1
    clipped_lengths = np.clip(lengths, lengths[place], lengths[-1 - place]) if place else lengths
    text_lengths: NDArray[np.int64] = np.clip(clipped_lengths, 1, min(LONGEST, column.length or LONGEST))
    return text_lengths


def _texts(lengths: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
    """Return words cut at the length that is wanted, the first one with a capital."""
    words = _words()
    most = int(lengths.max(initial=1)) // 2 + 2
    picks = words[rng.integers(0, len(words), (len(lengths), most))]
    return [
        " ".join(row)[:length].rstrip().capitalize()
        for row, length in zip(picks.tolist(), lengths.tolist(), strict=True)
    ]


@cache
def _words() -> NDArray[np.object_]:
    return np.array(import_module("faker.providers.lorem.la").Provider.word_list, object)
