"""The rows of a model drawn again by other halves of its entities.

One split shows an advantage of memory with a standard error of half over the root of the entities: too coarse
for some hundred of them. What engines learn of other halves tells the same of the same engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from synth.errors import SynthError
from synth.evaluate import Entities, Halves
from synth.twins.families import OwnersAgain, whose_rows
from synth.twins.rejection import sample_valid_rows
from synth.twins.split import HALF, holdout_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from synth.twins.context import Case, Samples
    from synth.twins.families import Family
    from synth.twins.source import SourceRows


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
        other = _with_halves(self.case, number)
        try:
            samples = sample_valid_rows(other).samples
        except SynthError:  # what the first split allowed, this one does not: it tells nothing
            return None
        if samples.second is None:
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
        other = _with_halves(case, number)
        try:
            samples = sample_valid_rows(other).samples
        except SynthError:
            return None
        rows = other.rows if samples.rows is None else samples.rows
        if not set(real.columns) <= set(samples.synthetic.columns):
            return None
        twins = samples.synthetic.iloc[:rows][[*real.columns]].reset_index(drop=True)
        second = None if samples.second is None else samples.second[: len(twins)]
        whom = whose_rows(other, samples)
        whom = None if whom is None else whom[: len(twins)]
        return OwnersAgain(other.source.held_out, twins.astype(real.dtypes.to_dict()), second, whom)

    return again


def _with_halves(case: Case, number: int) -> Case:
    """Return the case with its entities parted by another coin, which all models of a family share."""
    source = case.source
    held_out = holdout_mask(source.units, "split", str(number), share=HALF)
    source = replace(source, held_out=held_out)
    seed = int(np.random.SeedSequence([case.task.seed, number]).generate_state(1)[0])
    family = None if case.family is None else _family_with_halves(case.family, source, number)
    return replace(case, source=source, family=family, task=case.task.with_options(seed=seed))


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
