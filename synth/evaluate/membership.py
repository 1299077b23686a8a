"""Whether the twin tells whom it was learned from: by how near its rows lie to real ones."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from synth.domain import Verdict
from synth.evaluate.exposure import LEVEL, Advantage, advantage, most_telling
from synth.evaluate.intervals import area, one_sided
from synth.evaluate.verdicts import ENOUGH, FEWEST, judge_advantage, judge_tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synth.evaluate.case import EvaluationCase
    from synth.evaluate.nearness import Nearness
    from synth.evaluate.tables import Codes, Floats, Mask
    from synth.evaluate.verdicts import Finding

BY_DISTANCE = "Membership attack by distance"
HOPELESS = 0.01  # probability of a pass below which no further split is asked
# After how many splits it is decided, and the chance to be wrong that each of these looks may have. With 16
# the standard error is a quarter of what it is with one; who needs them is near the limit, and gets most.
LOOKS = {1: LEVEL / 4, 5: LEVEL / 4, 16: LEVEL / 2}
SPLITS, LAST_LEVEL = max(LOOKS.items())


def membership(case: EvaluationCase, limit: float) -> Finding:
    """Return the attack that calls an entity learned from where the twin comes near to it; .5 is chance.

    With two engines: how often an entity's own engine comes nearer to it than the other. Where one split of
    the entities cannot decide, the same is asked of others.
    """
    near = case.nearness
    if case.fewest < FEWEST:
        return case.scale(limit).too_few()
    guess, sizes = by_distance(near, near.random), _count(near, near.random)
    if case.splits is None:
        return judge_advantage(case, limit, guess, BY_DISTANCE, sizes)
    finding = judge_advantage(case, limit, guess, BY_DISTANCE, sizes, level=LOOKS[1])
    scores, splits = [_scores(near, near.random)], iter(case.splits)
    while finding.verdict is Verdict.INCONCLUSIVE and case.fewest >= ENOUGH:
        other = None if _is_hopeless(guess, limit - 0.5, len(scores)) else next(splits, None)
        if other is not None:
            scores.append(_scores(other.nearness, other.nearness.random))
            guess = _over_splits(scores)
        if other is None or len(scores) in LOOKS:
            text = BY_DISTANCE if len(scores) == 1 else f"{BY_DISTANCE}, in {len(scores)} splits"
            level = LOOKS.get(len(scores), LAST_LEVEL)
            finding = judge_advantage(case, limit, guess, text, sizes, level=level)
        if other is None:
            break
    return finding


def _is_hopeless(guess: Advantage, most: float, splits: int) -> bool:
    """Return whether an advantage will hardly be below a bound when all splits, not only these, are done.

    The mean of all splits differs from that of these by what the others add: its standard deviation is
    `guess.error` · √(1 - share of the splits that are done). To stop early lets nothing pass that would not.

    Args:
        guess: of the splits that are done.
        most: the limit of the advantage.
        splits: how many are done.
    """
    share_done = splits / SPLITS
    last_error = guess.error * sqrt(share_done)
    least = guess.value - one_sided(HOPELESS) * guess.error * sqrt(1 - share_done)
    return least > most - one_sided(LAST_LEVEL) * last_error


def _over_splits(splits: Sequence[tuple[Floats, Codes]]) -> Advantage:
    """Return the advantage over several splits, by each entity's mean score.

    Each split is another coin, so the mean of an entity that nobody remembers comes nearer to 0.
    """
    scores = np.concatenate([one for one, _ in splits])
    entities = np.unique(np.concatenate([whose for _, whose in splits]), return_inverse=True)[1]
    return advantage(np.bincount(entities, scores) / np.bincount(entities))


def membership_isolated(case: EvaluationCase, limit: float) -> Finding | None:
    """Return the same for the entities least like any other; only a failure counts, as they are few."""
    near = case.nearness
    units = np.unique(near.units[near.is_isolated])
    if min(near.first[units].sum(), (~near.first[units]).sum()) < FEWEST:
        return None
    guess = by_distance(near, near.is_isolated)
    what = "Membership attack by distance, on the 5 % most isolated"
    return judge_advantage(case, limit, guess, what, _count(near, near.is_isolated), show=True)


def near_copies(case: EvaluationCase, limit: float) -> Finding:
    """Return whether those whom the twin comes surprisingly near to are those it was learned from.

    Near is a small part of the distance at which other real rows are; in a crowd it is no surprise.
    """
    near = case.nearness
    surprises = near.surprises()
    own = np.stack([near.first, ~near.first][: len(surprises)])
    is_parted = surprises[0] != surprises[-1] if near.is_paired else np.ones(len(near.first), dtype=np.bool_)
    tally, probability = most_telling(surprises[:, is_parted].ravel(), own[:, is_parted].ravel(), case.chance)
    text = f"Near copies: of the {tally.own + tally.other} real rows with the nearest twin rows"
    return judge_tally(case, limit, tally, text, probability, _count(near, near.random | near.is_isolated))


def close_ratio(case: EvaluationCase, limit: float) -> Finding | None:
    """Return whether the engine that learned from an entity comes far nearer to it than the other one.

    None without a second engine.
    """
    near = case.nearness
    if not near.is_paired:
        return None
    strength, is_first = near.contrasts()
    some = strength > 0
    tally, probability = most_telling(
        strength[some], (is_first == near.first)[some], case.chance, of=len(strength)
    )
    text = f"Distance ratio: of the {tally.own + tally.other} entities much nearer to one engine's rows"
    return judge_tally(case, limit, tally, text, probability, _count(near, near.random | near.is_isolated))


def by_distance(near: Nearness, rows: Mask) -> Advantage:
    """Return the advantage over the units that these rows are about."""
    if not near.is_paired:
        sums, there = near.of_units(near.apart[0], rows)
        counts = np.bincount(near.units[rows], minlength=len(near.first))[there]
        return by_area(-(sums.mean(axis=0)[there] / counts), near.first[there])
    return advantage(_scores(near, rows)[0])


def _scores(near: Nearness, rows: Mask) -> tuple[Floats, Codes]:
    """Return how surely each unit's own engine is the nearer one, from -1 to 1, and the unit's entity."""
    sums, there = near.leanings(rows)
    side = np.where(near.first, 1, -1)
    return (np.sign(sums) * side).mean(axis=0)[there], near.whose[there]


def by_area(scores: Floats, is_member: Mask) -> Advantage:
    """Return the advantage where some entities were held out."""
    curve_area = area(scores[is_member], scores[~is_member])
    places = np.arange(len(scores))
    return Advantage(curve_area.value - 0.5, curve_area.error(places[is_member], places[~is_member]))


def _count(near: Nearness, rows: Mask) -> tuple[int, int]:
    units = near.first[np.unique(near.units[rows])]
    return int(units.sum()), int((~units).sum())
