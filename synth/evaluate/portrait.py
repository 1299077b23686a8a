"""What the pictures of a report need of the three tables: safe to show by the way it is counted.

Ranges end at round numbers, and the first and the last are open. A range, a label or NULL stands for at least
ten people or is folded into others; so no picture holds a source's least or greatest value, nor a label or a
number that singles somebody out. What the holdout alone holds is never looked at by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from synth.domain import RARE
from synth.domain.figures import Portrait
from synth.evaluate.distributions import People, distribution
from synth.evaluate.illustrations import associations, distances, roc
from synth.evaluate.tables import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from synth.domain.figures import Distribution
    from synth.evaluate.case import Entities
    from synth.evaluate.tables import Codes, Mask, Tables

T = TypeVar("T")

MOST_ROWS = 100_000  # of each table; a share's error of .2 % shows in no picture
MOST_CELLS = 5_000_000  # rows times columns of each table, but never fewer rows than FEWEST_ROWS
FEWEST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Easel:
    """Draws one picture after the other, and remembers which could not be drawn."""

    missing_pictures: list[str]

    def paint(self, picture: str, draw: Callable[[], T]) -> T | None:
        """Return what `draw` returns; None when it fails."""
        try:
            return draw()
        except Exception:  # noqa: BLE001 - a picture decides nothing, and an error's text may quote a row
            self.missing_pictures.append(picture)
            return None


def portrait(  # noqa: PLR0913 - what is known of three tables, each by its name
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    categories: Collection[str] = (),
    public: Collection[str] = (),
    seed: int = 0,
    entities: Entities | None = None,
    second: Mask | None = None,
) -> Portrait:
    """Return the figures of a report, of the tables that `evaluate` is given.

    Args:
        training: with the columns of the other two.
        holdout: may be empty; then there are no pictures of distances.
        synthetic: all rows of the twin.
        categories: columns whose values are labels whatever their dtype.
        public: columns whose values are no secret, and which are shown however rare.
        seed: of the samples that large tables are drawn by.
        entities: whom the rows are about; None: each row is about somebody else.
        second: which synthetic rows an engine drew that learned `holdout`; None: nothing was learned from it.

    Never raises over what is in the tables: a picture that cannot be drawn is named in `missing`.
    """
    if not (len(training) and len(synthetic) and len(training.columns)):
        return Portrait()
    if second is not None:
        return _of_halves(training, holdout, synthetic, second, categories, public, seed, entities)
    rng = np.random.default_rng([seed, 7])
    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // len(training.columns)))
    rows = _sample(len(training), most, rng)
    others = (frame.iloc[_sample(len(frame), most, rng)] for frame in (holdout, synthetic))
    frames = (training.iloc[rows], *others)
    everybody = rows if entities is None else np.asarray(entities.training)[rows]
    easel = Easel([])
    tables = easel.paint("all pictures", partial(read, *frames, categories=frozenset(categories)))
    if tables is None:
        return Portrait(missing=tuple(easel.missing_pictures))
    distributions = _distributions(tables, frames[0], everybody, frozenset(public), easel)
    return Portrait(
        distributions=distributions,
        associations=easel.paint("the associations", partial(associations, tables)),
        roc=easel.paint("the attack", partial(roc, tables, rng, fewest=RARE)),
        distances=easel.paint("the distances", partial(distances, tables, rng)),
        missing=tuple(easel.missing_pictures),
    )


def _of_halves(  # noqa: PLR0913, PLR0917 - the arguments of `portrait`
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    second: Mask,
    categories: Collection[str],
    public: Collection[str],
    seed: int,
    entities: Entities | None,
) -> Portrait:
    """Return the figures of all rows, with the distances of the first engine to both halves."""
    everybody = pd.concat([training, holdout], ignore_index=True)
    everyone = entities and replace(
        entities, training=np.concatenate([entities.training, entities.holdout]), holdout=entities.holdout[:0]
    )
    near = portrait(
        training,
        holdout,
        synthetic[~second],
        categories=categories,
        public=public,
        seed=seed,
        entities=entities,
    )
    whole = portrait(
        everybody, holdout[:0], synthetic, categories=categories, public=public, seed=seed, entities=everyone
    )
    missing_pictures = tuple(dict.fromkeys((*whole.missing, *near.missing)))
    return replace(whole, roc=near.roc, distances=near.distances, missing=missing_pictures)


def _distributions(
    tables: Tables, training: pd.DataFrame, everybody: Codes, public: Collection[str], easel: Easel
) -> tuple[Distribution, ...]:
    people, anybody = People.of(everybody, RARE), People.of(everybody, 1)
    pictures = [
        easel.paint(
            f"the column {column.name}",
            partial(
                distribution,
                column,
                tables,
                training[column.name],
                anybody if column.name in public else people,
            ),
        )
        for column in tables.columns
    ]
    return tuple(item for item in pictures if item is not None)


def _sample(rows: int, most: int, rng: np.random.Generator) -> Codes:
    everyone: Codes = np.arange(rows)
    return everyone if rows <= most else np.sort(rng.choice(everyone, most, replace=False))
