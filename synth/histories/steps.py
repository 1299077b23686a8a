"""Engines of the rows of histories that advance side by side: when each is, then what it holds.

Whether an order is open, or a guest comes on a weekend, depends on the day itself. A gap and the time of the
row before say that only together, and a tree sees one of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.engine.conditioning import FixedColumn
    from synth.engine.synthesizer import Synthesizer
    from synth.histories.pasts import Ints, Past


@dataclass(frozen=True, slots=True)
class StepContext:
    """What rows are drawn given, as the engine of their times and that of their contents read it."""

    times: Mapping[str, FixedColumn]
    contents: Mapping[str, FixedColumn]

    def of(self, rows: Ints) -> StepContext:
        """Return the same of some rows."""
        parts = ({name: one.of(rows) for name, one in part.items()} for part in (self.times, self.contents))
        return StepContext(*parts)

    def __or__(self, more: StepContext) -> StepContext:
        """Return both together."""
        return StepContext({**self.times, **more.times}, {**self.contents, **more.contents})


@dataclass(frozen=True, slots=True)
class RowEngines:
    """The engines of rows at one place of histories.

    Attributes:
        times: None where no column orders the rows.
        contents: None where they have no other column.
        births: the columns of owners that only the first of them sees.
    """

    times: Synthesizer | None
    contents: Synthesizer | None
    births: frozenset[str] = frozenset()

    def read(self, columns: Mapping[str, Any]) -> StepContext:
        """Return columns that are given as the engines read them, once for all draws."""
        others = {name: values for name, values in columns.items() if name not in self.births}
        times = {} if self.times is None else self.times.read_given(columns)
        return StepContext(times, {} if self.contents is None else self.contents.read_given(others))

    def next_context(self, past: Past, owners: StepContext, owner: Ints, counts: Ints) -> StepContext:
        """Return what the next rows of histories of these owners are drawn given."""
        return owners.of(owner) | self.read(past.state(counts))

    def with_moments(self, context: StepContext, moments: Mapping[str, Any]) -> StepContext:
        """Return the context with when the rows are."""
        more = {} if self.contents is None else self.contents.read_given(moments)
        return replace(context, contents={**context.contents, **more})
