"""One contestant in a process of its own: reads the work from standard input, writes its outcome to a file."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engine.outcome import Outcome
from benchmarks.engine.work import Work
from benchmarks.provenance import ROOT

STATUS = Path("/proc/self/status")
CONTESTANTS = ("trl", "trl_packed", "transformers", "cotune_no_trunk", "cotune", "cotune_together")
"""TRL's SFTTrainer padded and packed, transformers' Trainer; our engine without the trunk, with it, many at once."""
PEERS = CONTESTANTS[:3]
Run = Callable[[Work, list[int]], Outcome]


def run_apart(contestant: str, work: Work, places: list[int]) -> Outcome:
    """Runs a contestant in a new process, whose output is not shown, and gives its outcome.

    Raises:
        ValueError: it failed; gives the last line that it wrote.
    """
    with TemporaryDirectory() as folder:
        result = Path(folder, "outcome.json")
        asked = {"work": asdict(work), "places": places, "spawned": time.time(), "result": str(result)}
        command = [sys.executable, "-m", "benchmarks.engine.child", contestant]
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            command, input=json.dumps(asked), text=True, capture_output=True, cwd=ROOT, env=environment
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing was written"])[-1]
            raise ValueError(f"The contestant {contestant!r} failed: {last}")
        return Outcome.of_json(json.loads(result.read_text()))


def main() -> None:
    """Runs the contestant that the command line names."""
    asked = json.load(sys.stdin)
    run = runner_of(sys.argv[1])
    start_seconds = time.time() - asked["spawned"]
    outcome = run(Work.of_json(asked["work"]), asked["places"])
    whole = replace(outcome, start_seconds=start_seconds, peak_bytes=_peak(outcome.device))
    Path(asked["result"]).write_text(json.dumps(asdict(whole)))


def runner_of(contestant: str) -> Run:
    """Gives what runs a contestant in this process; its libraries are imported here."""
    if contestant in PEERS:
        return _peer(contestant)
    from benchmarks.engine import ours

    trunk, together = contestant != "cotune_no_trunk", contestant == "cotune_together"
    return lambda work, places: ours.run(work, places, trunk=trunk, together=together)


def _peer(contestant: str) -> Run:
    from benchmarks.engine import trainers

    if contestant == "transformers":
        return lambda work, places: trainers.run(work, places, trainers.transformers_trainer)
    from benchmarks.engine import trl_trainers

    make = trl_trainers.packed if contestant == "trl_packed" else trl_trainers.padded
    return lambda work, places: trainers.run(work, places, make)


def _peak(device: str) -> int:
    """Gives the most bytes that this process has held, on a GPU those of the GPU."""
    import torch

    if torch.cuda.is_available() and not device.startswith("cpu"):
        return int(torch.cuda.max_memory_allocated())
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes


if __name__ == "__main__":
    main()
