"""What proposing costs beside what is proposed: seconds and memory against fine-tunings."""

import json
import subprocess
import sys

from benchmarks.provenance import ROOT
from benchmarks.studies.study import Found, Sources, Study, table

METHODS = ("default", "prior_fitted", "process", "neural", "random")
PLACES = ((8, 24), (11, 24), (24, 24), (64, 24), (64, 200))
"""Datasets and runs; of more than 24 runs the last proposal alone is timed."""


def measure(sources: Sources) -> Found:
    """Runs each search in a process of its own, so that its peak memory is its own.

    Seconds are the processor's, so that other work on the machine is not counted.
    """
    found = {
        f"{datasets} datasets, {runs} runs": {method: _proposed(method, datasets, runs) for method in METHODS}
        for datasets, runs in PLACES[: sources.limit(len(PLACES))]
    }
    return {"proposing": found, "fine_tuning": _fine_tuning()}


def _proposed(method: str, datasets: int, runs: int) -> Found:
    command = [sys.executable, "-m", "benchmarks.studies.proposer", method, str(datasets), str(runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{' '.join(command[1:])} failed: {done.stderr.strip().splitlines()[-1]}")
    found: Found = json.loads(done.stdout)
    return found


def _fine_tuning() -> Found:
    """Gives the seconds of one fine-tuning in the biomedical example, of the studies that took none from another."""
    stored = json.loads((ROOT / "docs" / "results" / "biomed.json").read_text())
    own = [row for row in stored["rows"] if not row["taken_from_other_studies"]]
    seconds = sum(row["seconds"] for row in own) / sum(row["fine_tunings"] for row in own)
    return {"seconds": seconds, "hardware": stored["hardware"], "commit": stored["commit"]}


def text(result: Found) -> str:
    """Shows the last proposal, all of a search, both against fine-tuning, and peak memory."""
    one = result["fine_tuning"]["seconds"]
    head = ("search", "last proposal, s", "of one fine-tuning", "all proposals, s", "of the whole search", "peak, MB")
    lines = {}
    for place, methods in result["proposing"].items():
        runs = int(place.split()[-2])
        for method, cost in methods.items():
            is_whole = runs <= PLACES[0][1]
            whole = (f"{cost['all']:.2f}", _percent(cost["all"] / (cost["all"] + runs * one))) if is_whole else ("", "")
            lines[f"`{method}`, {place}"] = (
                f"{cost['last']:.3f}",
                _percent(cost["last"] / one),
                *whole,
                f"{cost['peak']:.0f}",
            )
    return f"{table(head, lines)}\n\n{_verdict(result)}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _verdict(result: Found) -> str:
    fine = result["fine_tuning"]
    worst = max(cost["last"] for methods in result["proposing"].values() for cost in [methods["default"]])
    peak = max(methods["default"]["peak"] for methods in result["proposing"].values())
    return (
        f"One fine-tuning is {fine['seconds']:.0f} s, the mean of the biomedical example (135M model, 24,000 tokens, "
        f"{fine['hardware']}, commit {fine['commit']}, [result](results/biomed.md)). `default` takes at most "
        f"{worst:.2f} s for a proposal and {peak:.0f} MB, Python and its libraries included: the goal of 1 s "
        f"{'is' if worst < 1 else 'is not'} met, that of 1 GB {'is' if peak < 1024 else 'is not'} met."
    )


STUDY = Study(measure, text)
