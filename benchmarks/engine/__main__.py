"""Runs many short trials with trainers of others and with our engine, side by side, at equal work and equal scores."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from benchmarks.engine.child import PEERS, run_apart
from benchmarks.engine.done import SOURCES, Done
from benchmarks.engine.figures import Figures, figures, same_start
from benchmarks.engine.options import parser, work_of
from benchmarks.engine.outcome import Outcome
from benchmarks.engine.page import heading, table
from benchmarks.engine.peaks import peak_tflops
from benchmarks.engine.work import Work, spread
from benchmarks.provenance import provenance
from benchmarks.rows import fingerprint
from benchmarks.working import say
from cotune.training import Train

REFERENCE = "trl"


def main() -> None:
    """Runs the benchmark that the command line asks for; what was done before is not done again."""
    options = parser(__doc__).parse_args()
    try:
        work = work_of(options)
        repeats = 1 if options.tiny else options.repeats
        if repeats < 1:
            raise ValueError(f"--repeats is at least 1; got {repeats}.")
        outcomes = _outcomes(work, repeats, options)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped")
    _write(work, repeats, outcomes, options)


def _outcomes(work: Work, repeats: int, options: Namespace) -> dict[str, list[Outcome]]:
    """Gives the outcomes of each contestant that can run, repeat by repeat, so that all see the same machine."""
    runners = [name for name in options.contestants if _can_run(name)]
    facts = provenance()
    settings = {**asdict(work), "peer_trials": options.peer_trials, "code": fingerprint(SOURCES)}
    done = Done(_beside(options.json), {**settings, "versions": facts["versions"]})
    for repeat in range(repeats):
        for name in runners:
            if done.get(name, repeat) is None:
                say(f"{name}, run {repeat + 1} of {repeats}")
                done.add(name, repeat, run_apart(name, work, _places(name, work, options.peer_trials)))
    kept = {name: [done.get(name, repeat) for repeat in range(repeats)] for name in runners}
    return {name: [outcome for outcome in found if outcome is not None] for name, found in kept.items()}


def _can_run(contestant: str) -> bool:
    if contestant.startswith("trl") and find_spec("trl") is None:
        say(f"{contestant} is left out: trl is not installed; pip install -e '.[bench]'")
        return False
    if contestant == "cotune_together" and "width" not in Train.__dataclass_fields__:
        say(f"{contestant} is left out: this version trains one after another")
        return False
    return True


def _places(contestant: str, work: Work, peer_trials: int | None) -> list[int]:
    if contestant not in PEERS or peer_trials is None or peer_trials >= work.trials:
        return list(range(work.trials))
    if peer_trials < 1:
        raise ValueError(f"--peer-trials is at least 1; got {peer_trials}.")
    return spread(work.requests, peer_trials)


def _write(work: Work, repeats: int, outcomes: dict[str, list[Outcome]], options: Namespace) -> None:
    if not outcomes:
        sys.exit("error: none of these contestants can run here.")
    rows = _figures(work, outcomes, options.peak_tflops)
    text = table(rows, REFERENCE)
    every = [outcome for found in outcomes.values() for outcome in found]
    if not same_start(every):
        say("warning: the trials did not begin with the same factors.")
    command = " ".join(["python -m benchmarks.engine", *sys.argv[1:]])
    facts = {**provenance(), "device": sorted({outcome.device for outcome in every})[0], "seed": work.seed}
    if options.json:
        raw = {name: [asdict(outcome) for outcome in found] for name, found in outcomes.items()}
        named = {**asdict(work), "model": Path(work.model).name, "data": Path(work.data).name}
        result = {"command": command, **facts, "work": named, "figures": [asdict(row) for row in rows], "outcomes": raw}
        options.json.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(heading(command, facts, work, repeats) + text)
    print(text, end="")


def _figures(work: Work, outcomes: dict[str, list[Outcome]], given: float | None) -> list[Figures]:
    devices = {outcome.device for found in outcomes.values() for outcome in found}
    tflops = {device: peak_tflops(device, given) for device in devices}
    reference = outcomes.get(REFERENCE)
    return [
        figures(name, found, trials=work.trials, steps=work.steps, reference=reference, tflops=tflops)
        for name, found in outcomes.items()
    ]


def _beside(path: Path | None) -> Path | None:
    return path.with_suffix(".rows.jsonl") if path else None


if __name__ == "__main__":
    main()
