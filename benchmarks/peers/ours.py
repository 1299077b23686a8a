"""The engine of this project at its defaults."""

from __future__ import annotations

from benchmarks.peers.command import task
from benchmarks.tables import read
from synth.engine import Synthesizer


def main() -> None:
    """Learn, sample, write."""
    given = task()
    table = read(given.training)
    twin = Synthesizer(seed=given.seed).fit(table).sample(len(table))
    twin.to_csv(given.synthetic, index=False)


if __name__ == "__main__":
    main()
