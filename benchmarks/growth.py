"""How the local engine's time and memory grow with the rows, and how fast it draws.

    python -m benchmarks.growth [--rows 10000 100000 1000000]

The tables are invented: 15 columns of every kind, NULLs in some, no two rows alike. Each size is a process of
its own, so that its peak memory is its own; CPU seconds are those of learning and of drawing as many rows,
imports not counted. Drawing is also timed by the clock, because it uses the machine's cores side by side.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from synth.engine import Synthesizer

ROWS_TO_DRAW = 1_000_000  # rows that are drawn to time drawing


def main() -> None:
    """One line a size, and how much faster than rows the time grows."""
    summary, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    print("| rows | fit, CPU s | sample, CPU s | both ÷ n log n | peak MB | rows drawn a second |")
    print("|---|---|---|---|---|---|")
    first = None
    for rows in options.rows:
        command = [sys.executable, "-m", "benchmarks.growth", "--one", str(rows)]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        cost = (figures["fit"] + figures["sample"]) / (rows * math.log(rows))
        first = first or cost
        print(
            f"| {rows:,} | {figures['fit']:.1f} | {figures['sample']:.1f} | {cost / first:.2f} ×"
            f" | {figures['peak']:,.0f} | {figures['speed']:,.0f} |",
            flush=True,
        )


def measure(rows: int) -> dict[str, float]:
    """CPU seconds of fit and sample, peak MB of the process, and rows drawn a second by the clock."""
    table = invent(rows)
    Synthesizer(seed=0).fit(table.head(2000)).sample(10)  # what is imported on first use
    start = time.process_time()
    engine = Synthesizer(seed=0).fit(table)
    after_fit = time.process_time()
    engine.sample(rows)
    after_sample = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clock = time.perf_counter()
    engine.sample(ROWS_TO_DRAW)
    speed = ROWS_TO_DRAW / (time.perf_counter() - clock)
    return {"fit": after_fit - start, "sample": after_sample - after_fit, "peak": peak, "speed": speed}


def invent(rows: int, seed: int = 0) -> pd.DataFrame:
    """Orders of customers who do not exist: labels, counts, amounts, dates and times that go together."""
    rng = np.random.default_rng(seed)
    age = np.clip(rng.gamma(9, 4.5, rows) + 5, 18, 95).astype(int)
    country = rng.choice(list("ABCDEFGHIJKL"), rows, p=np.arange(12, 0, -1) / 78)
    device = np.where(rng.random(rows) < 1 / (1 + np.exp((age - 45) / 9)), "phone", "desktop")
    members = rng.random(rows) < 0.2 + 0.4 * (age > 50)
    visits = rng.poisson(3 + 4 * members)
    pages = visits + rng.poisson(2.5 * visits + 1)
    seconds = np.round(pages * rng.lognormal(3.2, 0.7, rows), 1)
    amount = np.round(rng.lognormal(3 + 0.01 * age + 0.3 * members, 0.8, rows), 2)
    discount = np.where(members, np.round(amount * rng.choice([0.05, 0.1, 0.2], rows), 2), 0.0)
    sign_up = np.datetime64("2019-01-01T00:00:00") + rng.integers(0, 4 * 365 * 86400, rows)
    order_time = sign_up + rng.exponential(90 * 86400, rows).astype("timedelta64[s]")
    rating = np.where(rng.random(rows) < 0.4, np.nan, np.clip(np.rint(rng.normal(4, 1, rows)), 1, 5))
    return pd.DataFrame(
        {
            "age": age,
            "country": country,
            "language": np.where(rng.random(rows) < 0.8, country, "A"),
            "device": device,
            "member": members,
            "visits": visits,
            "pages": pages,
            "seconds": seconds,
            "amount": amount,
            "discount": discount,
            "paid": np.round(amount - discount, 2),
            "signed_up": sign_up.astype("datetime64[us]"),
            "ordered": order_time.astype("datetime64[us]"),
            "rating": rating,
            "score": rng.normal(age / 10, 1 + members, rows),
        }
    )


if __name__ == "__main__":
    main()
