"""The folder that a final training leaves behind: adapter, tokenizer, model card."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cli.opening import Opened
from cotune.config import StudyConfig
from cotune.journal import read_journal
from cotune.problem import Problem
from cotune.reporting import Artefact, Report, build_report, model_card
from cotune.training.embedded import HUB_NAME
from cotune.verdict.wording import title

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter

PACKAGES = ("cotune", "torch", "transformers", "peft")


def write_card(opened: Opened, problem: Problem, adapter: "Adapter", folder: Path, *, name: str) -> None:
    """Writes the model card of an adapter that was saved in `folder`."""
    card = model_card(_report(opened, problem), _artefact(opened.config, problem, adapter, name))
    (folder / "README.md").write_text(card, encoding="utf-8")


def budget_words(config: StudyConfig) -> str:
    """Gives the budget in words."""
    return f"{config.budget.amount:,g} {config.budget.kind}"


def _report(opened: Opened, problem: Problem) -> Report:
    try:
        view = read_journal(opened.folder)
    except FileNotFoundError:  # a mixture of the user's choice needs no search
        return build_report(problem, (), name=opened.config.name)
    return build_report(problem, view.records, view.log, name=opened.config.name, settings=view.settings)


def _artefact(config: StudyConfig, problem: Problem, adapter: "Adapter", name: str) -> Artefact:
    mixture = adapter.request.mixture
    return Artefact(
        name=name,
        label=title(problem, mixture),
        base_model=HUB_NAME if config.model == "embedded" else config.model,
        mixture=mixture,
        exposure=adapter.exposure,
        seed=adapter.request.seed,
        budget=budget_words(config),
        versions={package: _version(package) for package in PACKAGES},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
