"""What every contestant's program has in common: it reads training rows and writes as many synthetic ones."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Task:
    """Where the rows are, where theirs go, the seed, and which model where a program has several."""

    training: Path
    synthetic: Path
    seed: int
    model: str


def task() -> Task:
    """The task on the command line: TRAINING SYNTHETIC --seed N [--model NAME]."""
    parser = argparse.ArgumentParser()
    parser.add_argument("training", type=Path)
    parser.add_argument("synthetic", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="")
    arguments = parser.parse_args()
    return Task(arguments.training, arguments.synthetic, arguments.seed, arguments.model)
