"""One of SDV's single-table synthesizers (`--model`) at its defaults, on the metadata that SDV detects."""

from __future__ import annotations

import random

import numpy as np
import torch  # type: ignore[import-not-found] # these are in an environment of their own
from sdv import single_table  # type: ignore[import-not-found]
from sdv.metadata import Metadata  # type: ignore[import-not-found]

from benchmarks.peers.command import task
from benchmarks.tables import read

NAME = "table"


def main() -> None:
    """Learn, sample, write."""
    work = task()
    random.seed(work.seed)
    np.random.seed(work.seed)  # noqa: NPY002 - SDV draws from the global generators
    torch.manual_seed(work.seed)
    table = read(work.training)
    synthesizer = getattr(single_table, work.model)(Metadata.detect_from_dataframes({NAME: table}))
    synthesizer.fit({NAME: table})
    # Sampling starts at one fixed state otherwise, and a fit without chance gives one table for all seeds.
    synthesizer._set_random_state(work.seed)  # noqa: SLF001 - there is no public way
    synthesizer.sample(len(table))[NAME].to_csv(work.synthetic, index=False)


if __name__ == "__main__":
    main()
