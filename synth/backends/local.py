"""The local engine as a backend: nothing leaves the machine, and nothing is written."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from synth.domain import RARE, Capabilities
from synth.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from synth.domain import HistoryRequest, Request, Task
    from synth.histories import Histories

# Rows of several draws that are drawn together: of so few a step costs as much as of one draw.
TOGETHER = 50_000


class LocalBackend:
    """Learns and samples in this process; the same rows, request and version give the same twin."""

    capabilities = Capabilities(
        conditions=True, guarantee=True, protects_rare_values=True, paid=False, histories=True
    )

    @staticmethod
    def epsilon(task: Task) -> float | None:  # noqa: ARG004 - whatever it asks for
        """Return None: what this engine learns is checked, and has no guarantee."""
        return None

    def check(self) -> None:
        """Do nothing: the engine is installed with the package."""

    def synthesize(self, training: pd.DataFrame, request: Request, workdir: Path) -> pd.DataFrame:  # noqa: ARG002 - no state is kept
        """Return `request.rows` rows drawn by the engine; none if `training` has none.

        Raises:
            BackendError: the columns that are given or balanced do not fit what was learned.
        """
        from synth.engine import Beside, Synthesizer  # noqa: PLC0415 - slow to import; `synth ls` must not wait for it

        engine = Synthesizer(
            seed=request.seed, categories=request.categories, rare=RARE, public=request.public
        )
        conditioning_columns = [] if request.conditioning is None else list(request.conditioning.columns)
        beside = None if request.beside is None else Beside(request.beside, request.about)
        engine.fit(
            training,
            given=conditioning_columns,
            entities=request.entities,
            beside=beside,
            progress=request.progress,
        )
        try:
            return engine.sample(
                request.rows,
                given=request.conditioning,
                balance={str(name): shares for name, shares in request.balance.items()},
            )
        except ValueError as error:
            if not (conditioning_columns or request.balance):
                raise
            raise BackendError(f"The engine cannot do what was asked of {request.model}: {error}.") from None

    def histories(
        self, training: pd.DataFrame, request: Request, owners: HistoryRequest
    ) -> list[tuple[pd.DataFrame, NDArray[Any]]]:
        """Return, for each draw, rows of all `owners.twins`, and the position of each row's owner."""
        from synth.histories import Histories, Panel  # noqa: PLC0415 - as above

        engine = Histories(
            request.seed,
            time=owners.time,
            categories=request.categories,
            public=request.public,
            births=owners.births,
            rare=RARE,
            progress=request.progress,
        )
        beside = None
        if owners.others is not None and owners.whose is not None and request.beside is not None:
            beside = Panel(owners.others, request.beside, owners.whose, request.about)
        engine.fit(owners.real, training, owners.owner, entities=request.entities, beside=beside)
        counts = None if owners.count is None else owners.twins[owners.count]
        first = engine.sample(owners.twins, counts=counts)
        return [first, *_further_draws(engine, owners, counts, len(first[0]))]


def _further_draws(
    engine: Histories, owners: HistoryRequest, counts: pd.Series[Any] | None, rows: int
) -> list[tuple[pd.DataFrame, NDArray[Any]]]:
    """Return the draws after the first, which had so many rows; small ones are drawn as one."""
    import numpy as np  # noqa: PLC0415 - as above
    import pandas as pd  # noqa: PLC0415 - as above

    further, number = owners.draws - 1, len(owners.twins)
    if not further or rows * further > TOGETHER:
        return [engine.sample(owners.twins, draw=draw, counts=counts) for draw in range(1, owners.draws)]
    every = pd.concat([owners.twins] * further, ignore_index=True)
    every_count = None if counts is None else pd.concat([counts] * further, ignore_index=True)
    frame, owner = engine.sample(every, draw=1, counts=every_count)
    bounds = np.searchsorted(owner, number * np.arange(further + 1))
    return [
        (frame.iloc[start:end].reset_index(drop=True), owner[start:end] - number * draw)
        for draw, (start, end) in enumerate(pairwise(bounds))
    ]
