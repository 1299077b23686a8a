"""Who takes part in `make bench-engine`, and how each is installed, run, measured and kept.

A peer lives in an environment of its own under .venv-peers, made from its list in benchmarks/peers; nothing
here imports one. Each run is a process of its own, whose CPU seconds and peak memory the system counts,
imports included. A peer's tables are kept: a rerun asks it again only when the training rows or the list
changed, so empty the cache after changing a program of benchmarks/peers.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".venv-peers"
LISTS = ROOT / "benchmarks" / "peers"
END_SIGNALS = (-signal.SIGXCPU, -signal.SIGKILL)  # how the system ends who is over the limit
CLOSED_PORT = "http://127.0.0.1:9"  # the port that discards: whoever asks the network is refused at once
SURROUNDINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads sleep: nobody pays for other work on the machine
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED_PORT),
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine at its defaults.

    Attributes:
        program: the module of benchmarks.peers that runs it.
        model: which of the program's models.
        packages: the stem of its list in benchmarks/peers and the name of its environment; none for ours.
        to_remove: packages to remove again, because they exist for another build of torch only and break it.
    """

    name: str
    program: str
    model: str = ""
    packages: str = ""
    to_remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What one fit and sample took, and why it gave no table where it gave none.

    Attributes:
        cpu: CPU seconds of the process; `peak` its largest memory in MB.
        limit: the CPU seconds it was allowed.
        is_kept: whether this was measured by an earlier command.
    """

    cpu: float
    peak: float
    limit: int
    failure: str = ""
    is_kept: bool = False


OURS = Contestant("dbt-synth", "ours")
TORCH_KIN = ("torchvision", "torchaudio")
PEERS = (
    Contestant("mostlyai", "mostlyai", packages="mostlyai", to_remove=TORCH_KIN),
    Contestant("mostlyai-fixed-order", "mostlyai", "fixed-order", packages="mostlyai", to_remove=TORCH_KIN),
    Contestant("gaussian-copula", "sdv", "GaussianCopulaSynthesizer", packages="sdv"),
    Contestant("tvae", "sdv", "TVAESynthesizer", packages="sdv"),
    Contestant("ctgan", "sdv", "CTGANSynthesizer", packages="sdv"),
)


class NotInstalledError(Exception):
    """A peer's environment could not be made; the text is pip's reason."""


def install(contestant: Contestant) -> Path:
    """The Python that runs the contestant, its environment made first where it is missing or out of date.

    Raises:
        NotInstalledError: it could not be made.
    """
    if not contestant.packages:
        return Path(sys.executable)
    folder = ENVIRONMENTS / contestant.packages
    python, marker = folder / "bin" / "python", folder / "installed.txt"
    packages = (LISTS / f"{contestant.packages}.txt").read_text(encoding="utf-8")
    if marker.exists() and marker.read_text(encoding="utf-8") == packages:
        return python
    print(f"making {folder.relative_to(ROOT)}, which takes minutes …", file=sys.stderr)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "install", "--requirement", str(LISTS / f"{contestant.packages}.txt")],
    ]
    steps += [[*pip, "uninstall", "--yes", *contestant.to_remove]] if contestant.to_remove else []
    for step in steps:
        result = subprocess.run(step, check=False, capture_output=True, text=True)
        if result.returncode:
            raise NotInstalledError(reason(result.stderr) or f"{step[2]} ended with {result.returncode}")
    marker.write_text(packages, encoding="utf-8")
    return python


def run(contestant: Contestant, training: Path, synthetic: Path, *, seed: int, limit: int) -> Run:
    """Let the contestant learn `training` and write as many rows to `synthetic`, in `limit` CPU seconds."""
    try:
        python = install(contestant)
    except NotInstalledError as error:
        return Run(0.0, 0.0, limit, f"not installed: {error}")
    arguments = [str(training), str(synthetic), "--seed", str(seed), "--model", contestant.model]
    command = [str(python), "-m", f"benchmarks.peers.{contestant.program}", *arguments]
    with tempfile.TemporaryDirectory() as home:
        return measure(command, limit=limit, environment={**os.environ, **SURROUNDINGS, "HOME": home})


def kept_run(
    contestant: Contestant, training: Path, cache: Path, *, table: str, seed: int, limit: int
) -> tuple[Run, Path]:
    """The run of a peer and its table, from the cache where an earlier command left them there.

    A run that went over its limit counts as kept, too, unless it is allowed more this time.
    """
    packages = (LISTS / f"{contestant.packages}.txt").read_bytes()
    content = hashlib.sha256(training.read_bytes() + packages).hexdigest()[:12]
    folder = cache / contestant.name / f"{table}-{content}"
    synthetic, record = folder / f"{seed}.csv", folder / f"{seed}.json"
    previous_run = read_record(record, limit)
    if previous_run is not None:
        return previous_run, synthetic
    folder.mkdir(parents=True, exist_ok=True)
    new_run = run(contestant, training, synthetic, seed=seed, limit=limit)
    if not new_run.failure or new_run.failure == over(limit):
        record.write_text(json.dumps(asdict(new_run)), encoding="utf-8")
    return new_run, synthetic


def read_record(record: Path, limit: int) -> Run | None:
    """The run that an earlier command measured; None where there is none, or where more is allowed now."""
    if not record.exists():
        return None
    previous_run = Run(**json.loads(record.read_text(encoding="utf-8")))
    return (
        None if previous_run.failure and limit > previous_run.limit else replace(previous_run, is_kept=True)
    )


def measure(command: Sequence[str], *, limit: int, environment: Mapping[str, str]) -> Run:
    """Run a program in this repository's root and count what it and the children it waited for took.

    Its peak is at least what this process held when it started it: the system counts a child from its fork.
    """
    shell = ["sh", "-c", f'ulimit -t {limit}; exec "$@"', "sh", *command]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(shell, cwd=ROOT, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime
        output.seek(0)
        failure = (reason(output.read()) or f"ended with {process.returncode}") if process.returncode else ""
    if process.returncode in END_SIGNALS and cpu > limit - 1:  # ticks count the limit, so not exactly
        failure = over(limit)
    return Run(cpu, usage.ru_maxrss / 1024, limit, failure)


def over(limit: int) -> str:
    """What is said of a run that was ended."""
    return f"over the limit of {limit:,} CPU seconds"


def reason(output: str) -> str:
    """The line of a program's output that best says why it failed: the last ERROR, or the last at all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or [""])[-1][:200]
