"""Columns that the user decides: kept as they are in the source, or drawn with the shares that are wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.columns.conform import learnable
from synth.columns.roles import LEARNED_ROLES
from synth.domain import RARE, Kind, Role
from synth.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column, Model, Shares

MOST_MERGED = 0.5  # share of rows that may get the seed columns of others before they are no longer kept
NUMBERS = {Kind.INTEGER: int, Kind.DECIMAL: float, Kind.FLOAT: float}
WORDS: Mapping[str, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a backend is told about some columns, and what the user should hear of it."""

    conditioning: pd.DataFrame | None = None
    balance: Mapping[str, Shares] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def check_conditions(model: Model, columns: Sequence[Column]) -> None:
    """Refuse seed and balanced columns that cannot be such, before a row is read.

    Raises:
        ConfigError: the column does not exist, or what it holds is replaced and never learned.
    """
    column_names = {column.name for column in columns}
    keys = {*model.primary_key, *(key.column for key in model.foreign_keys)} | {model.entity}
    keys |= {names[0] for names in model.unique if len(names) == 1}
    options_by_column = {
        **dict.fromkeys(model.seed_columns, "seed_columns"),
        **dict.fromkeys(model.balance, "balance"),
    }
    for name, setting in options_by_column.items():
        role = model.roles.get(name)
        if name not in column_names:
            reason = f"{model.relation} has no such column; it has {', '.join(sorted(column_names))}"
        elif role is not None and role not in LEARNED_ROLES:
            reason = f"its role is {role}, so its values are replaced and never learned"
        elif name in keys and role is None:
            reason = "it is a key, and every key of a twin is new"
        else:
            continue
        raise ConfigError(f"{model.path}: {model.name} names {name} in `{setting}`, but {reason}.")
    if model.target_column is not None and model.target_column not in column_names:
        raise ConfigError(
            f"{model.path}: {model.name} has the `target` {model.target_column}, but {model.relation} has no "
            f"such column; it has {', '.join(sorted(column_names))}."
        )


def conditions(
    model: Model,
    treatments: Sequence[Treatment],
    *,
    real: pa.Table,
    units: NDArray[np.uint64],
    rows: int,
    rng: np.random.Generator,
) -> Conditions:
    """Return what the backend is to be told for `rows` rows of the twin.

    Args:
        model: whose seed or balanced columns.
        treatments: of all columns.
        real: all rows read, held out or not: kept columns are no result of learning, so those of all rows
            are treated alike.
        units: the entity that each of these rows is about.
        rows: of the twin; where they are others than `real` has, rows are drawn from it.
        rng: decides which, and the order.

    Raises:
        ModelError: a column is not learned, or fewer than half of the rows have seeds that others share.
    """
    by_name = {treatment.column.name: treatment for treatment in treatments}
    for name in (*model.seed_columns, *model.balance):
        if by_name[name].role not in LEARNED_ROLES:
            raise ModelError(
                f"{model.name}.{name} can be neither a seed column nor balanced: it is replaced, not learned "
                f"({by_name[name].role}, {by_name[name].origin}). Next: in {model.path} take it out, or "
                "declare its role."
            )
    if model.seed_columns:
        return _seeds(model, [by_name[name] for name in model.seed_columns], real, units, rows, rng)
    shares = model.balance.items()
    return Conditions(balance={name: _convert_shares(by_name[name].column, share) for name, share in shares})


def _seeds(
    model: Model,
    seed_treatments: Sequence[Treatment],
    real: pa.Table,
    units: NDArray[np.uint64],
    rows: int,
    rng: np.random.Generator,
) -> Conditions:
    """Return the seed columns of `rows` rows, those that few entities share replaced by others'."""
    seeds = learnable(real.select([treatment.column.name for treatment in seed_treatments]), seed_treatments)
    secret = [treatment.column.name for treatment in seed_treatments if treatment.role is not Role.KEEP]
    is_common = _is_common(seeds[secret], units)
    if is_common.mean() < MOST_MERGED:
        raise ModelError(
            f"{1 - is_common.mean():.0%} of the rows of {model.name} have values of {', '.join(secret)} that "
            f"fewer than {RARE} share, so keeping them would show who is who. Next: in {model.path} keep "
            "fewer `seed_columns`, or coarser ones."
        )
    rare_rows = int((~is_common).sum())
    warning = (
        f"{rare_rows:,} of {len(seeds):,} rows of {model.name} have seed columns that fewer than {RARE} "
        "share; the twin has those of other rows instead"
    )
    return Conditions(_draw_seeds(seeds, is_common, rows, rng), warnings=(warning,) if rare_rows else ())


def _is_common(seeds: pd.DataFrame, units: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return in which rows the seeds, taken together, are those of at least `RARE` entities."""
    if not len(seeds.columns):
        return np.ones(len(seeds), dtype=np.bool_)
    groups = seeds.groupby(list(seeds.columns), dropna=False, sort=False, observed=True).ngroup()
    people = pd.DataFrame({"group": groups, "unit": units}).drop_duplicates()["group"].value_counts()
    is_common: NDArray[np.bool_] = (groups.map(people) >= RARE).to_numpy()
    return is_common


def _draw_seeds(
    seeds: pd.DataFrame, is_common: NDArray[np.bool_], rows: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return `rows` rows of the seeds, as they are but for those that are not shared, in a random order."""
    places = np.arange(len(seeds))
    places[~is_common] = rng.choice(places[is_common], int((~is_common).sum()))
    more = rng.choice(places, max(rows - len(places), 0))
    positions = np.concatenate([rng.permutation(places), more])[:rows]
    return seeds.iloc[positions].reset_index(drop=True)


def _convert_shares(column: Column, shares: Shares) -> Shares:
    """Return shares by values of the column's type; the manifest is JSON, whose keys are text."""
    if isinstance(shares, str) or column.kind in {Kind.TEXT, Kind.OPAQUE}:
        return shares
    return {_value(column, value): share for value, share in shares.items()}


def _value(column: Column, raw: Any) -> Any:
    text = str(raw)
    if text in {"null", "None"}:
        return None
    if column.kind is Kind.BOOLEAN:
        return WORDS.get(text.lower(), text)
    try:
        return NUMBERS[column.kind](text) if column.kind in NUMBERS else pd.Timestamp(text)
    except ValueError:
        return text  # the backend says that there is no such value
