"""How many rows each owner has, and until when: until they leave, or until the end of what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.histories.panels import Lesson
from synth.histories.pasts import COUNT, ROOM, STAYS
from synth.histories.spans import SURELY, with_others

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from synth.histories.panels import Panel
    from synth.histories.pasts import Form, Ints

LEAST_UNTIL_THE_END = 0.1  # of the owners with rows have one for each period until the end


def of_counts(form: Form, top: tuple[int, int], panel: Panel) -> Lesson:
    """Return the number of rows, given the owner; those from the first of `top` on are the second.

    Of owners who have a row for each period until the end it is said that they stay, in place of the number.
    """
    least, level = top
    counts = np.where(panel.counts >= least, level, panel.counts)
    if not form.schema.leaves:
        owners = panel.owners.drop(columns=[*form.schema.births], errors="ignore")
        return Lesson(owners, pd.DataFrame({COUNT: counts}), panel.of_owners)
    owners = with_room(form, panel.owners)
    do_stay = (owners[ROOM] == panel.counts).to_numpy(bool, na_value=False)
    targets = {STAYS: do_stay, COUNT: pd.Series(counts).mask(do_stay)}
    owners = owners.drop(columns=[*form.schema.births], errors="ignore")
    return Lesson(owners, pd.DataFrame(targets), panel.of_owners)


def drawn_counts(form: Form, owners: pd.DataFrame, draw: Callable[[pd.DataFrame], pd.DataFrame]) -> Ints:
    """Return how many rows each owner has; `draw` says what `of_counts` would say of owners."""
    if not form.schema.leaves:
        return whole_numbers(draw(owners.drop(columns=[*form.schema.births], errors="ignore"))[COUNT])
    owners = with_room(form, owners)
    room = whole_numbers(owners[ROOM])
    targets = draw(owners.drop(columns=[*form.schema.births], errors="ignore"))
    counts = whole_numbers(with_others(targets[COUNT]))
    return np.where(targets[STAYS].to_numpy(bool), room, np.minimum(counts, room))


def whole_numbers(counts: pd.Series[Any]) -> Ints:
    """Return numbers of rows, 0 for NULL."""
    return counts.fillna(0).to_numpy(np.float64).round().clip(0).astype(np.int64)


def with_room(form: Form, owners: pd.DataFrame) -> pd.DataFrame:
    """Return owners with the number of periods from their date to the end."""
    owners = owners.reset_index(drop=True)
    end = pd.Series([form.end] * len(owners), dtype=form.empty[form.schema.time].dtype)
    return owners.assign(**{ROOM: form.schema.clock.between(owners[form.base], end) + 1})


def do_leave(form: Form, panel: Panel) -> bool:
    """Return whether owners have rows from their date on, one a period, and some until the end."""
    if not form.schema.clock or form.base is None:
        return False
    room = with_room(form, panel.owners)[ROOM].fillna(0).to_numpy(np.int64)[panel.counts > 0]
    counts = panel.counts[panel.counts > 0]
    return bool((counts <= room).mean() >= SURELY and (counts == room).mean() >= LEAST_UNTIL_THE_END)


def top_counts(panels: Sequence[Panel], rare: int) -> tuple[int, int]:
    """Return from which number of rows on the owners are of `rare` entities, and the mean of their numbers.

    A few owners often have a large part of all rows. If they were cut to the tenth largest number, rows would
    be lost; the mean of ten keeps the sum, and is nobody's own (microaggregation, Domingo-Ferrer and
    Mateo-Sanz 2002).
    """
    counts = np.concatenate([panel.counts for panel in panels])
    parts = [np.arange(len(panel.owners)) if panel.of_owners is None else panel.of_owners for panel in panels]
    offsets = np.cumsum([0, *(int(part.max(initial=-1)) + 1 for part in parts)])
    whom = np.concatenate([part + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    order = np.argsort(-counts, kind="stable")
    firsts = np.sort(np.unique(whom[order], return_index=True)[1])
    if not len(firsts):
        return 0, 0
    least = int(counts[order][firsts[min(rare, len(firsts)) - 1]])
    return least, round(float(counts[counts >= least].mean()))
