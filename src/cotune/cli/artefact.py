"""The folder that a final training leaves behind: adapter, tokenizer, model card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cotune.cli.final import Outcome
from cotune.cli.opening import Opened
from cotune.config import StudyConfig
from cotune.journal import read_journal
from cotune.problem import Problem
from cotune.reporting import Artefact, FinalScore, Report, build_report, model_card
from cotune.study.versions import version_of
from cotune.training import Merging
from cotune.training.embedded import shown_name
from cotune.verdict.wording import title

if TYPE_CHECKING:
    from cotune.training.adapter import Adapter

PACKAGES = ("cotune", "torch", "transformers", "peft")


def write_card(
    opened: Opened,
    problem: Problem,
    outcome: Outcome,
    folder: Path,
    *,
    name: str,
    dev: Sequence[FinalScore] | None = None,
) -> None:
    """Writes the model card of what was saved in `folder`; `dev` are the scores of a mixture of the user's choice."""
    settings = {"leaks": opened.config.leaks, **outcome.settings}
    is_searched = dev is None
    report = _searched(opened, problem, settings) if is_searched else build_report(problem, (), settings=settings)
    artefact = replace(
        _artefact(opened.config, problem, outcome.adapter, name),
        chosen_by="search" if is_searched else "user",
        dev=tuple(score for score in dev or () if score.mixture == title(problem, outcome.mixture)),
    )
    (folder / "README.md").write_text(model_card(report, artefact), encoding="utf-8")


def budget_words(config: StudyConfig) -> str:
    """Gives the budget in words."""
    return f"{config.budget.amount:,g} {config.budget.kind}"


def merging_words(chosen: Merging) -> str:
    """Gives in words how datasets are merged; "" where they are trained together."""
    if not chosen.is_on:
        return ""
    return chosen.name if chosen.turns == 1 else f"{chosen.name} in {chosen.turns} turns"


def _searched(opened: Opened, problem: Problem, settings: Mapping[str, object]) -> Report:
    view = read_journal(opened.folder)
    return build_report(
        problem,
        view.records,
        view.log,
        name=opened.config.name,
        model=shown_name(opened.config.model),
        settings={**view.settings, **settings},
        balancer=opened.config.train.balancer.name,
    )


def _artefact(config: StudyConfig, problem: Problem, adapter: "Adapter", name: str) -> Artefact:
    mixture = adapter.request.mixture
    return Artefact(
        name=name,
        label=title(problem, mixture),
        base_model=shown_name(config.model),
        mixture=mixture,
        exposure=adapter.exposure,
        seed=adapter.request.seed,
        budget=budget_words(config),
        versions={package: version_of(package) or "unknown" for package in PACKAGES},
        method=adapter.lora.method,
        balancing=adapter.balancing,
        merging=merging_words(config.train.merging) if len(mixture) > 1 else "",
    )
