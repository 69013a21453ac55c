"""Runs the biomedical example: each sampler, for each target, at equal fine-tunings, with the command line itself."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.provenance import ROOT, provenance
from cotune.cli.opening import Opened, open_study
from cotune.journal import read_journal
from cotune.problem import Problem
from cotune.trial import Record
from cotune.verdict import judge
from cotune.verdict.paired import Estimate
from cotune.verdict.wording import title

STUDIES = {
    "phee": ROOT / "examples" / "biomed" / "study_phee.yaml",
    "ncbi_disease": ROOT / "examples" / "biomed" / "study_ncbi.yaml",
}
SAMPLERS = ("neural", "random", "anchored_greedy")
Json = dict[str, object]


def main() -> None:
    """Runs the benchmark that the command line asks for; what is finished is not run again."""
    options = _parser().parse_args()
    rows = []
    for target in options.targets:
        for sampler in options.samplers:
            name = f"{target}-{sampler}"
            opened = _search(STUDIES[target], name, sampler, options)
            rows.append({"target": target, "sampler": sampler, **_outcome(opened, opened.problem(data=options.data))})
            print(f"{name}: {rows[-1]['verdict']}")
    if options.json:
        result = {"command": _command(), **provenance(), "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(_markdown(rows))


def _search(study: Path, name: str, sampler: str, options: argparse.Namespace) -> Opened:
    """Runs one study to its end; equal requests of the other studies are taken from them."""
    others = [folder for folder in sorted(options.runs.glob("*")) if folder.is_dir() and folder.name != name]
    changes = [f"name={name}", f"search.sampler={sampler}", *options.set]
    reuse = [part for folder in others for part in ("--reuse", str(folder))]
    places = ["--data", str(options.data), "--runs", str(options.runs)]
    cotune = str(Path(sys.executable).parent / "cotune")
    subprocess.run([cotune, "run", str(study), *changes, *places, *reuse], check=True)
    return open_study(study, changes, runs=options.runs)


def _outcome(opened: Opened, problem: Problem) -> Json:
    """Gives what a study found and what it cost; trials taken from other studies count in full."""
    view = read_journal(opened.folder)
    verdict = judge(problem, view.records)
    trials = [record.trial for record in view.records if record.trial]
    tuned = [trial for trial in trials if len(trial.request.mixture)]
    against = {
        line.label: {"mean": line.difference.mean, "low": line.difference.low, "high": line.difference.high}
        for line in verdict.comparisons
        if line.target is None
    }
    return {
        "verdict": verdict.sentence,
        "warnings": list(verdict.warnings),
        "winner": None if verdict.winner is None else title(problem, verdict.winner),
        "standings": {title(problem, line.mixture): _interval(line.value) for line in verdict.standings},
        "against": against,
        "seed_noise": verdict.seed_noise,
        "fine_tunings": sum(record.attempts for record in view.records if len(record.request.mixture)),
        "combinations": len({trial.request.mixture for trial in tuned}),
        "space": problem.count(),
        "taken_from_other_studies": sum(bool(trial.source) for trial in tuned),
        "tokens": sum(trial.tokens for trial in tuned),
        "seconds": sum(trial.seconds for trial in trials),
        "failed": sum(not trial.is_finished for trial in trials),
        "best_so_far": _curve(problem, view.records),
        "settings": view.settings,
        "study_seed": opened.config.search.seed,
    }


def _interval(value: Estimate) -> Json:
    return {"mean": value.mean, "low": value.low, "high": value.high, "seeds": value.seeds}


def _curve(problem: Problem, records: Sequence[Record]) -> list[float]:
    """Gives the best single dev value after each fine-tuning of the search, confirmation left out."""
    best, values = 0.0, []
    for record in records:
        is_search = len(record.request.mixture) and not record.proposal.reason.startswith("confirm")
        if is_search and record.trial and record.trial.is_finished:
            best = max(best, problem.value(record.trial))
            values.append(best)
    return values


def _markdown(rows: Sequence[Json]) -> str:
    facts = provenance()
    head = [
        "<!-- written by benchmarks/biomed.py; do not edit -->",
        f"`{_command()}` at commit {facts['commit']} on {facts['hardware']}. Scores are dev F1 in points, brackets are "
        "95 % intervals; every search spends the same fine-tunings.",
        "",
        "| target | sampler | fine-tunings (combinations of all) | verdict |",
        "|---|---|---|---|",
    ]
    lines = [
        f"| {row['target']} | {row['sampler']} | {row['fine_tunings']} ({row['combinations']} of {row['space']}) "
        f"| {row['verdict']} |"
        for row in rows
    ]
    return "\n".join([*head, *lines]) + "\n"


def _command() -> str:
    return " ".join(["python -m benchmarks.biomed", *sys.argv[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.biomed", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with a folder for each data set")
    add("--targets", nargs="+", choices=list(STUDIES), default=list(STUDIES), help="which studies")
    add("--samplers", nargs="+", default=SAMPLERS, help="which samplers")
    add("--set", nargs="*", default=[], help="overrides of the studies, as search.trials=8 budget.tokens=2000")
    add("--runs", type=Path, default=Path("runs/biomed"), help="where the studies are kept")
    add("--json", type=Path, help="write verdicts, costs and provenance here")
    add("--markdown", type=Path, help="write a table here")
    return parser


if __name__ == "__main__":
    main()
