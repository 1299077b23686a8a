"""What could be read of the rows that a service returned."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from synth.errors import BackendError


@dataclass(frozen=True)
class Reading:
    """What could be read of the rows that a service returned.

    Attributes:
        rows: the usable ones, with the columns, order and dtypes of training.
        returned_rows: how many rows there were.
        at_fault: the columns with values that could not be used.
    """

    rows: pd.DataFrame
    returned_rows: int
    at_fault: tuple[str, ...]

    def join(self, other: Reading) -> Reading:
        """Return these rows and, after them, those of `other`."""
        return Reading(
            pd.concat([self.rows, other.rows], ignore_index=True),
            self.returned_rows + other.returned_rows,
            tuple(dict.fromkeys((*self.at_fault, *other.at_fault))),
        )

    def first(self, rows: int, service: str) -> pd.DataFrame:
        """Return the first `rows` usable rows.

        Raises:
            BackendError: there are fewer.
        """
        if len(self.rows) < rows:
            cause = f"; unusable values in {', '.join(self.at_fault)}" if self.at_fault else ""
            raise BackendError(
                f"{service} returned {self.returned_rows:,} rows, {len(self.rows):,} of them usable, not the "
                f"{rows:,} asked for{cause}. Next: ask for fewer rows, or choose another of its models."
            )
        return self.rows.iloc[:rows].reset_index(drop=True)
