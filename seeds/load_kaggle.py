"""Loads Kaggle's *Airbnb New User Bookings* into the raw tables that the dbt project reads.

python seeds/load_kaggle.py --users train_users_2.csv.zip --sessions sessions.csv.zip

The files are plain, .gz or .zip. The connection comes from libpq's variables (PGHOST, PGPORT, …). Both tables
are replaced in one transaction: after an error they hold what they held before.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import sys
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psycopg
import yaml
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEEDS = Path(__file__).with_name("_seeds.yml")
BLOCK = 1 << 20  # bytes read and sent at a time; all the memory that a file takes


class LoadError(Exception):
    """The files cannot be loaded; the message says why and holds no value of them."""


def main() -> int:
    """Load both files and print the rows and seconds of each; 0 when loaded, 2 when not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=Path, required=True, help="train_users_2.csv, .csv.gz or .csv.zip")
    parser.add_argument("--sessions", type=Path, required=True, help="sessions.csv, .csv.gz or .csv.zip")
    parser.add_argument("--schema", default="analytics_raw", help="where to load them (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        load({"raw_users": arguments.users, "raw_sessions": arguments.sessions}, arguments.schema)
    except LoadError as error:
        print(f"Nothing was loaded. {error}", file=sys.stderr)
        return 2
    return 0


def load(files: Mapping[str, Path], schema: str) -> None:
    """Replace the rows of every table by those of its file, all tables or none.

    Raises:
        LoadError: a file cannot be read or has other columns, or Postgres cannot be reached or refuses.
    """
    types = column_types()
    headers = {table: checked_header(file, types[table]) for table, file in files.items()}
    step, report = "Postgres cannot be reached", []
    try:
        with psycopg.connect("") as connection:
            for table, file in files.items():
                step, started = f"{schema}.{table} cannot take {file}", time.monotonic()
                target = sql.Identifier(schema, table)
                prepare(connection, schema, target, types[table])
                rows = copy(connection, target, headers[table], file)
                report.append(f"{schema}.{table}: {rows:,} rows in {time.monotonic() - started:.1f}s")
    except psycopg.Error as error:
        # The chained error would show the server's own words, and those quote the value that it refused.
        raise LoadError(f"{step}: {reason(error)}") from None
    print("\n".join(report))


def column_types() -> dict[str, dict[str, str]]:
    """The columns and types of each raw table, those that `dbt seed` gives it."""
    seeds = yaml.safe_load(SEEDS.read_text(encoding="utf-8"))["seeds"]
    return {seed["name"]: seed["config"]["column_types"] for seed in seeds}


def checked_header(file: Path, expected: Mapping[str, str]) -> list[str]:
    """The columns of `file` in its own order, when they are the expected ones."""
    with opened(file) as stream:
        first = stream.readline(BLOCK).decode("utf-8-sig", errors="replace")
    header = next(csv.reader([first]), [])
    missing = [name for name in expected if name not in header]
    extra = [name for name in header if name not in expected]
    if len(missing) == len(expected):  # its first line is a row, and not to be shown
        raise LoadError(f"{file} does not begin with the names of its columns: {', '.join(expected)}.")
    if missing or extra or len(header) != len(expected):
        found = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(extra)}"] * bool(extra)
        raise LoadError(
            f"{file} {' and '.join(found) or 'names a column twice'}; expected are {', '.join(expected)}."
        )
    return header


def prepare(
    connection: psycopg.Connection, schema: str, target: sql.Identifier, types: Mapping[str, str]
) -> None:
    """Make sure that there is a table, and empty it; views on it stay."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))  # the types are our own file's
        for name, kind in types.items()
    )
    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL("create table if not exists {} ({})").format(target, columns))
    connection.execute(sql.SQL("truncate {}").format(target))


def copy(connection: psycopg.Connection, target: sql.Identifier, header: list[str], file: Path) -> int:
    """Stream `file` into the table; return its rows."""
    columns = sql.SQL(", ").join(map(sql.Identifier, header))
    statement = sql.SQL("copy {} ({}) from stdin (format csv, header, encoding 'utf8')").format(
        target, columns
    )
    with opened(file) as stream, connection.cursor() as cursor:
        with cursor.copy(statement) as sink:
            while block := stream.read(BLOCK):
                sink.write(block)
        rows = cursor.rowcount
    connection.execute(sql.SQL("analyze {}").format(target))
    return rows


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The bytes of a plain, gzipped or zipped csv file.

    Raises:
        LoadError: there is no such file, or it cannot be read to its end.
    """
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive, archive.open(only_csv(archive, file)) as stream:
                yield stream
        elif file.suffix == ".gz":
            with gzip.open(file, "rb") as stream:
                yield stream  # type: ignore[misc] # GzipFile lacks nothing that is used here
        else:
            with file.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LoadError(f"{file} cannot be read: {error}") from error


def only_csv(archive: zipfile.ZipFile, file: Path) -> str:
    """The name of the one csv file in the archive."""
    names = [name for name in archive.namelist() if name.endswith(".csv") and not name.startswith("__MACOSX")]
    if len(names) != 1:
        raise LoadError(f"{file} holds {len(names)} csv files; expected is one.")
    return names[0]


def reason(error: psycopg.Error) -> str:
    """What went wrong, and where in the file, without the server's own words once it has seen rows."""
    if error.sqlstate is None:
        return f"{str(error).strip()}\nSet PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE."
    found = re.search(r"line (\d+)(?:, column (\w+))?", error.diag.context or "")
    if found is None:
        return f"{type(error).__name__}."
    return f"{type(error).__name__} at line {found[1]}" + (f", column {found[2]}." if found[2] else ".")


if __name__ == "__main__":
    sys.exit(main())
