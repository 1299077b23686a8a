"""What is given to the engine of later rows at each step of histories that advance side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from synth.engine.conditioning import FixedColumn
    from synth.engine.pasts import Ints, Past
    from synth.engine.synthesizer import Synthesizer


def known_columns(laters: Synthesizer | None, owners: pd.DataFrame) -> dict[str, FixedColumn]:
    """Return the owners' columns as the engine reads them: once for all steps."""
    return {} if laters is None else laters.read_given({str(name): owners[name] for name in owners})


def given_columns(
    laters: Synthesizer | None,
    past: Past,
    owner_columns: Mapping[str, FixedColumn],
    owner: Ints,
    counts: Ints,
) -> dict[str, FixedColumn]:
    """Return what the next rows of histories of these owners are drawn given.

    Raises:
        RuntimeError: no history of several rows was learned.
    """
    if laters is None:
        raise RuntimeError("no history of several rows was learned")
    return {name: column.of(owner) for name, column in owner_columns.items()} | laters.read_given(
        past.state(counts)
    )
