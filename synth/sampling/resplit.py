"""The rows of a model drawn again by other halves of its entities.

One split shows an advantage of memory with a standard error of half over the root of the entities: too coarse
for some hundred of them. What engines learn of other halves tells the same of the same engine.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from synth.columns.birthdays import as_birth_dates
from synth.errors import SynthError
from synth.evaluate import Entities, Halves
from synth.sampling.context import DrawnAgain
from synth.sampling.families import whose_rows
from synth.sampling.forebears import rows_above
from synth.sampling.owners import OwnersAgain
from synth.sampling.rejection import sample_valid_rows
from synth.sampling.split import HALF, holdout_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from synth.sampling.context import Case, Samples
    from synth.sampling.families import Family
    from synth.sampling.source import SourceRows

MOST_KEPT = 50_000  # rows drawn by other halves that are kept for whoever asks next


@dataclass(frozen=True, slots=True)
class CaseSplits:
    """Draws the rows of a case by other halves; see `synth.evaluate.OtherSplits`."""

    case: Case

    @property
    def whose(self) -> NDArray[np.int64]:
        """The entity of each real row, those of the first half before the others."""
        return _whose(self.case.source)

    def draw(self, number: int) -> Halves | None:
        """Return the rows of this split; None where they cannot be drawn."""
        other, samples = _drawn_again(self.case, number)
        if samples is None or samples.second is None:
            return None
        whose = _whose(other.source)
        first = len(samples.training)
        entities = Entities(whose[:first], whose[first:], np.arange(len(samples.synthetic)))
        return Halves(samples.training, samples.holdout, samples.synthetic, samples.second, entities, whose)


def splits_of(case: Case, samples: Samples) -> CaseSplits | None:
    """Return the other splits of a case; None where one engine learned, or shares are as the user wants."""
    return CaseSplits(case) if case.source.halves and not samples.balance else None


def owners_again(case: Case, real: pd.DataFrame) -> Callable[[int], OwnersAgain | None]:
    """Return what draws the rows of a case by other halves for the models that reference it.

    Args:
        case: of the owners.
        real: the columns that those models see.
    """

    @cache
    def again(number: int) -> OwnersAgain | None:
        other, samples = _drawn_again(case, number)
        if samples is None:
            return None
        rows = other.rows if samples.rows is None else samples.rows
        frame = samples.synthetic.iloc[:rows].reset_index(drop=True)
        if other.family is not None and samples.owner is not None:
            above = rows_above(other.family, other.family.twins, samples.owner[:rows])
            frame = pd.concat([frame, above], axis=1)
        if not set(real.columns) <= set(frame.columns):
            return None
        twins = as_birth_dates(frame[[*real.columns]], real)
        second = None if samples.second is None else samples.second[: len(twins)]
        whom = whose_rows(other, samples)
        whom = None if whom is None else whom[: len(twins)]
        return OwnersAgain(other.source.held_out, twins.astype(real.dtypes.to_dict()), second, whom)

    return again


def _drawn_again(case: Case, number: int) -> tuple[Case, Samples | None]:
    """Return the case with other halves, and its rows drawn by them; None where they cannot be drawn.

    The gate of a model asks for them, and so do the gates of the models that reference it: they are drawn
    once, and kept unless they are many.
    """
    with case.again.lock:
        if number in case.again.by_number:
            return case.again.by_number[number]
        other = _with_halves(case, number)
        samples: Samples | None = None
        with suppress(SynthError):  # what the first split allowed, this one does not: it tells nothing
            samples = sample_valid_rows(other).samples
        if samples is None or len(samples.synthetic) <= MOST_KEPT:
            case.again.by_number[number] = other, samples
        return other, samples


def _with_halves(case: Case, number: int) -> Case:
    """Return the case with its entities parted by another coin, which all models of a family share."""
    source = case.source
    held_out = holdout_mask(source.units, "split", str(number), share=HALF)
    source = replace(source, held_out=held_out)
    seed = int(np.random.SeedSequence([case.task.seed, number]).generate_state(1)[0])
    family = None if case.family is None else _family_with_halves(case.family, source, number)
    task = case.task.with_options(seed=seed)
    return replace(case, source=source, family=family, task=task, again=DrawnAgain())


def _family_with_halves(family: Family, source: SourceRows, number: int) -> Family:
    """Return the histories of owners parted as their rows are, for twins that were drawn again, too."""
    again = None if family.again is None else family.again(number)
    has_owner = family.owner >= 0
    apart = np.arange(len(family.apart)) % 2 == 1 if again is None else again.apart.copy()
    apart[family.owner[has_owner]] = source.held_out[has_owner]
    if again is None:
        return replace(family, apart=apart)
    return replace(family, apart=apart, twins=again.twins, second=again.second, whom=again.whom)


def _whose(source: SourceRows) -> NDArray[np.int64]:
    codes = np.unique(source.units, return_inverse=True)[1].astype(np.int64)
    return np.concatenate([codes[~source.held_out], codes[source.held_out]])
