"""A fitted engine as a file: a zip of plain numpy arrays and one JSON header. Nothing in it can be executed.

What is kept are the prepared columns, because every model follows from them and from the seed.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import asdict
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from synth.engine.formulas import Identity
from synth.engine.labels import LabelColumn
from synth.engine.learned import Learned
from synth.engine.lookup import Lookup
from synth.engine.numbers import NumberColumn
from synth.engine.values import dtype_from, dtype_to, value_from, value_to

if TYPE_CHECKING:
    from pathlib import Path

    from synth.engine.columns import Column

MAGIC = "synth engine"
FORMAT = 3  # what this version writes and reads
HEADER = "engine.json"
KINDS: dict[str, type[LabelColumn | NumberColumn]] = {"label": LabelColumn, "number": NumberColumn}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip: the same engine gives the same bytes


def write(path: Path, settings: dict[str, Any], learned: Learned) -> None:
    """Put the file at `path` in one step, readable by its owner only.

    Raises:
        ValueError: nothing was learned, or a value has no form in a file.
    """
    if not len(learned.columns):
        raise ValueError("there is nothing to save before fit has learned a column")
    arrays: dict[str, Any] = {}
    names = learned.empty.columns
    header = {
        "magic": MAGIC,
        "format": FORMAT,
        "settings": settings,
        "rows": learned.rows,
        "first": list(learned.first),
        "identities": [
            {key: value_to(part) for key, part in asdict(identity).items()} for identity in learned.identities
        ],
        "names": [value_to(name) for name in names],
        "names_dtype": dtype_to(names.dtype),
        "dtypes": [dtype_to(dtype) for dtype in learned.empty.dtypes],
        "columns": [_column_to(column, f"{i}", arrays) for i, column in enumerate(learned.columns)],
    }
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _zip(file, header, arrays)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _zip(file: Any, header: dict[str, Any], arrays: dict[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(HEADER), json.dumps(header, allow_nan=False))
        for name, array in arrays.items():
            content = BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), content.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def read(path: Path) -> tuple[dict[str, Any], Learned]:
    """The settings and what was learned.

    Raises:
        ValueError: the file is not one of ours, is damaged, or is of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = _header(archive, path)
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
                if name != HEADER
            }
        return header["settings"], _learned(header, arrays)
    except ForeignError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, KeyError, TypeError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and not path.is_file():
            raise
        raise ValueError(f"{path} {_what_is_wrong(path)}; fit and save the engine again") from error


class ForeignError(ValueError):
    """A file that can be read, but is not for us."""


def _header(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    if HEADER not in archive.namelist():
        raise ForeignError(f"{path} is not a saved engine")
    header = json.loads(archive.read(HEADER))
    if not isinstance(header, dict) or header.get("magic") != MAGIC:
        raise ForeignError(f"{path} is not a saved engine")
    found = header.get("format")
    if isinstance(found, int) and found < FORMAT:
        raise ForeignError(f"{path} was saved by an older version: fit and save the engine again")
    if found != FORMAT:
        raise ForeignError(
            f"{path} was saved by a newer version (format {found}, this one reads {FORMAT}): "
            "upgrade, or fit and save the engine again"
        )
    return cast("dict[str, Any]", header)


def _what_is_wrong(path: Path) -> str:
    with path.open("rb") as file:
        ours = file.read(4) == b"PK\x03\x04"
    return "is truncated or damaged" if ours else "is not a saved engine"


def _learned(header: dict[str, Any], arrays: dict[str, Any]) -> Learned:
    names = pd.Index([value_from(name) for name in header["names"]], dtype=dtype_from(header["names_dtype"]))
    empty = pd.concat([pd.Series([], dtype=dtype_from(dtype)) for dtype in header["dtypes"]], axis=1)
    empty.columns = names
    columns = tuple(_column_from(saved, arrays) for saved in header["columns"])
    identities = tuple(
        Identity(**{key: value_from(part) for key, part in each.items()}) for each in header["identities"]
    )
    return Learned(empty, int(header["rows"]), columns, tuple(header["first"]), identities)


def _column_to(column: Column, place: str, arrays: dict[str, Any]) -> dict[str, Any]:
    kind = next(name for name, each in KINDS.items() if isinstance(column, each))
    fields: dict[str, Any] = {}
    for name, value in vars(column).items():
        if isinstance(value, Lookup):  # made when it is first asked for
            continue
        if name.endswith("dtype"):
            fields[name] = {"dtype": dtype_to(value)}
        elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
            arrays[f"{place}{name}"] = value
            fields[name] = {"array": f"{place}{name}"}
        elif name == "_values":
            fields[name] = {"labels": [value_to(each) for each in pd.Series(value).astype(object)]}
        else:
            fields[name] = {"value": value_to(value)}
    return {"kind": kind, "fields": fields}


def _column_from(saved: dict[str, Any], arrays: dict[str, Any]) -> Column:
    column = KINDS[saved["kind"]].__new__(KINDS[saved["kind"]])
    fields = saved["fields"]
    for name, field in fields.items():
        if "labels" in field:
            labels = np.empty(len(field["labels"]), dtype=object)
            labels[:] = [value_from(each) for each in field["labels"]]
            dtype = dtype_from(fields["_dtype"]["dtype"])
            setattr(column, name, pd.Series(labels, dtype=object).astype(dtype).array)
        elif "array" in field:
            setattr(column, name, arrays[field["array"]])
        elif "dtype" in field:
            setattr(column, name, dtype_from(field["dtype"]))
        else:
            setattr(column, name, value_from(field["value"]))
    return column
