"""The engine of this project at its defaults."""

from __future__ import annotations

from benchmarks.peers.command import task
from benchmarks.tables import read
from synth.engine import Synthesizer


def main() -> None:
    """Learn, sample, write."""
    work = task()
    table = read(work.training)
    twin = Synthesizer(seed=work.seed).fit(table).sample(len(table))
    twin.to_csv(work.synthetic, index=False)


if __name__ == "__main__":
    main()
