"""Rows of one entity are alike: what they show, few entities show."""

from __future__ import annotations

import numpy as np
import pytest

from synth.engine.goals import Goal
from synth.engine.growing import BinnedFeatures
from synth.engine.trees import PrunedTree

ENTITIES, ROWS = 80, 30


def leaves(target: np.ndarray, feature: np.ndarray, entities: np.ndarray | None) -> int:
    """Return how many leaves the tree of two labels has that sees one feature."""
    values, codes = np.unique(feature, return_inverse=True)
    bins = BinnedFeatures.of([(np.append(values, values[0] - 1).astype(np.float32), codes)])
    return PrunedTree(bins, Goal(target, np.eye(2)), 5, entities).count


@pytest.mark.parametrize("seed", range(5))
def test_what_differs_by_entity_alone_is_no_pattern_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entities = np.repeat(np.arange(ENTITIES), ROWS)
    own_label, own_feature = rng.integers(0, 2, ENTITIES), rng.normal(size=ENTITIES)
    target, feature = own_label[entities], own_feature[entities]
    assert leaves(target, feature, None) > 2
    assert leaves(target, feature, entities) == 1


def test_what_differs_by_row_is_seen_however_alike_the_rows_of_an_entity_are() -> None:
    rng = np.random.default_rng(0)
    entities = np.repeat(np.arange(ENTITIES), ROWS)
    feature = rng.normal(size=len(entities))
    target = ((feature > 0) ^ (rng.random(len(entities)) < 0.1)).astype(np.int64)
    assert leaves(target, feature, entities) == 2
