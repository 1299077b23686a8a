"""mostlyai-engine's TabularARGN at its defaults, or learning one order of columns (`--model fixed-order`).

The defaults learn to generate the columns in any order, which nobody asks for here and which costs nearness:
the fixed order is the stronger opponent.
"""

from __future__ import annotations

from mostlyai.engine import TabularARGN  # type: ignore[import-not-found] # is in its own environment

from benchmarks.peers.command import task
from benchmarks.tables import read


def main() -> None:
    """Learn, sample, write."""
    work = task()
    table = read(work.training)
    options = {"enable_flexible_generation": False} if work.model == "fixed-order" else {}
    argn = TabularARGN(random_state=work.seed, **options)
    argn.fit(table)
    argn.sample(len(table)).to_csv(work.synthetic, index=False)


if __name__ == "__main__":
    main()
