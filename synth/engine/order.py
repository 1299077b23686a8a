"""In which order columns are drawn: those that say most about the others first."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from synth.engine.rules import imply_codes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from synth.engine.columns import ColumnCodes, Ints

BINS = 32  # groups of a column: finer than a tree's cuts, which raking is to put right
SAMPLE_ROWS = 20_000
MANY = 60  # labels beyond which a column is drawn last and learned through an embedding


def groups_of(column: ColumnCodes, codes: Ints) -> tuple[Ints, int]:
    """Return for each code (NULL last) one of at most BINS + 2 groups, and how many there are.

    Groups are quantiles, or the commonest labels and the rest; NULL is the last.
    """
    counts = np.bincount(codes[codes >= 0], minlength=column.size)
    if column.size <= BINS:
        table = np.arange(column.size)
    elif column.is_ordered:
        table = ((counts.cumsum() - counts / 2) / max(counts.sum(), 1) * BINS).astype(np.int64)
        table = np.unique(table, return_inverse=True)[1].astype(np.int64)
    else:
        table = np.full(column.size, BINS)
        table[np.argsort(-counts, kind="stable")[:BINS]] = np.arange(BINS)
    groups = int(table.max(initial=-1)) + 1
    return np.append(table, groups), groups + 1


def coarse(column: ColumnCodes, codes: Ints) -> tuple[Ints, int]:
    """Return the groups of the codes, and how many there are."""
    table, groups = groups_of(column, codes)
    return table[codes], groups


def mutual_information(
    columns: Sequence[ColumnCodes], context: Collection[int] = frozenset()
) -> NDArray[np.float64]:
    """Return the mutual information of pairs of coarse columns in nats, beyond chance; the diagonal is 0.

    So are pairs of columns of the `context`, which nobody draws.
    """
    groups = [coarse(column, column.codes) for column in columns]
    rows = min(SAMPLE_ROWS, len(columns[0].codes))
    information = np.zeros((len(columns), len(columns)))
    for i, (one, m) in enumerate(groups):
        for j, (other, n) in enumerate(groups[:i]):
            if i in context and j in context:
                continue
            joint = np.bincount(one[:rows] * n + other[:rows], minlength=m * n).reshape(m, n) / rows
            outer = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
            full = joint > 0
            chance = ((outer.any(1)).sum() - 1) * ((outer.any(0)).sum() - 1) / (2 * rows)
            information[i, j] = information[j, i] = max(
                (joint[full] * np.log(joint[full] / outer[full])).sum() - chance, 0
            )
    return information


def drawing_order(
    columns: Sequence[ColumnCodes], information: NDArray[np.float64], *, first: Sequence[int] = ()
) -> list[int]:
    """Return those that come `first`, then by falling total mutual information.

    Columns of many labels last.
    """
    total = information.sum(0)
    others = (i for i in range(len(columns)) if i not in first)
    return [*first, *sorted(others, key=lambda i: (has_many_labels(columns[i]), -total[i], i))]


def another_order(
    columns: Sequence[ColumnCodes],
    draw_order: Sequence[int],
    needs: Mapping[int, Iterable[int]],
    *,
    first: int,
    rng: np.random.Generator,
) -> list[int]:
    """Return the columns in random order; those of many labels last, unless another needs them.

    Args:
        columns: the frame's.
        draw_order: their indices in the first order of drawing.
        needs: for a column those that stay before it, if they are in the first order.
        first: how many keep their places in front.
        rng: the only source of chance.
    """
    place = {index: number for number, index in enumerate(draw_order)}
    others = sorted(rng.permutation(draw_order[first:]).tolist(), key=lambda i: has_many_labels(columns[i]))
    order = dict.fromkeys(draw_order[:first])
    queue = others[::-1]
    while queue:
        index = queue[-1]
        missing_needs = [
            need for need in needs.get(index, ()) if place[need] < place[index] and need not in order
        ]
        if missing_needs:
            queue += missing_needs
        else:
            order[queue.pop()] = None
    return list(order)


def common_parts(
    columns: Sequence[ColumnCodes], draw_order: Sequence[int], *, first: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Return for labels the coarser ones that they decide, as others do that say nothing sure of them.

    A town and a postcode decide the country. Drawn before it, each would have a country of its own.

    Args:
        columns: the frame's.
        draw_order: their indices.
        first: those that are always given.
    """
    labels = [i for i in draw_order if i not in first and not columns[i].is_ordered and columns[i].size > 1]
    pairs = {(one, part) for one in labels for part in labels if _decides(columns[one], columns[part])}
    parts: dict[int, tuple[int, ...]] = {}
    for part in sorted(labels, key=lambda i: -columns[i].size):
        deciders = [one for one in labels if (one, part) in pairs]
        if any(pairs.isdisjoint({pair, pair[::-1]}) for pair in combinations(deciders, 2)):
            parts |= {one: (*parts.get(one, ()), part) for one in deciders}
    return parts


def _decides(one: ColumnCodes, part: ColumnCodes) -> bool:
    """Return whether labels decide those of another column, of which there are fewer."""
    rows = np.flatnonzero(one.learnable & part.learnable)
    return one.size > part.size and imply_codes(one.codes[rows], part.codes[rows], one.size) is not None


def coarse_first(
    columns: Sequence[ColumnCodes], draw_order: Sequence[int], first: Collection[int]
) -> tuple[list[int], dict[int, tuple[int, ...]]]:
    """Return the order in which labels come behind their `common_parts`, and these."""
    parts = common_parts(columns, draw_order, first=first)
    order: dict[int, None] = {}

    def add(index: int) -> None:
        for part in parts.get(index, ()):
            add(part)
        order.setdefault(index)

    for index in draw_order:
        add(index)
    return list(order), parts


def has_many_labels(column: ColumnCodes) -> bool:
    """Return whether it is drawn last."""
    return not column.is_ordered and column.size > MANY


def fewer_nulls_first(
    columns: Sequence[ColumnCodes],
    draw_order: Sequence[int],
    pairs: Iterable[tuple[int, int]],
    *,
    first: Sequence[int],
) -> list[int]:
    """Return the order in which of each pair the column that is NULL less often is drawn first.

    An end that is missing at times is then drawn as its distance to the start; the other way it could not.
    """
    nulls = {index: int((columns[index].codes < 0).sum()) for index in draw_order}
    order = list(draw_order)
    for pair in pairs:
        less, more = sorted(pair, key=lambda index: nulls[index])
        if nulls[less] < nulls[more] and not set(pair) & set(first) and order.index(more) < order.index(less):
            order.remove(less)
            order.insert(order.index(more), less)
    return order
