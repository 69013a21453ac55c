"""The model card: what a trained adapter was made of, and what is known about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import yaml

from cotune.mixture import Mixture
from cotune.reporting.markdown import escape, table
from cotune.reporting.privacy import LIMITS, PRIVATE, UNHIDDEN, privacy_columns, privacy_lines, privacy_terms
from cotune.reporting.report import DatasetLine, FinalScore, Report
from cotune.trial import Balancing, Exposure
from cotune.verdict.wording import interval, points

HUB_TASKS = {"ner": "token-classification", "classification": "text-classification"}
HUB_TASKS |= {"pair_classification": "text-classification"}

JsonTree = str | float | list["JsonTree"] | dict[str, "JsonTree"]


@dataclass(frozen=True)
class Artefact:
    """The trained model that a card describes.

    `label` is its mixture's name in the report's test scores, `budget` words such as "200,000 tokens", `exposure` what
    was trained of each dataset, `base_model` the hub id (or name) of the model that the adapter belongs to. Who chose
    the mixture is `chosen_by`; `dev` are the scores of a mixture of the user's choice, which is not tested. `balancing`
    is what a balancer did, if one did anything, `merging` says in words how datasets were merged, if they were.
    """

    name: str
    label: str
    base_model: str
    mixture: Mixture
    exposure: Mapping[str, Exposure]
    seed: int
    budget: str
    licence: str = "other"
    versions: Mapping[str, str] = field(default_factory=dict)
    chosen_by: Literal["search", "user"] = "search"
    method: Literal["lora", "full"] = "lora"
    dev: tuple[FinalScore, ...] = ()
    balancing: Balancing | None = None
    merging: str = ""

    @property
    def noun(self) -> str:
        """What was trained, in a word."""
        return "adapter" if self.method == "lora" else "model"


def model_card(report: Report, artefact: Artefact) -> str:
    """Gives the card in Markdown with the YAML head that the Hugging Face hub reads.

    It names every dataset with share, licence and fingerprint, the seed, budget, settings and versions, and the scores
    on dev and test with their intervals, so that nobody has to ask what the adapter was made of.
    """
    head = yaml.safe_dump(_head(report, artefact), sort_keys=False, allow_unicode=True, width=120)
    sections = [
        f"---\n{head}---",
        f"# {escape(artefact.name)}",
        _introduction(report, artefact),
        f"## Why this mixture\n\n{_why(report, artefact)}",
        f"## Mixture\n\n{_mixture(report, artefact)}",
        f"## Scores\n\n{_scores(report, artefact)}",
        f"## Training\n\n{_training(report, artefact)}",
        *_privacy(artefact.balancing),
        f"## Caveats\n\n{_caveats(report, artefact)}",
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(report: Report, artefact: Artefact) -> str:
    base = escape(artefact.base_model)
    what = f"An adapter for {base}, " if artefact.method == "lora" else f"A copy of {base}, its weights "
    how = f"merged ({artefact.merging}) out of one for each dataset of" if artefact.merging else "fine-tuned on"
    if artefact.chosen_by == "user":
        return f"{what}{how} a mixture of datasets that its user chose."
    targets = escape(", ".join(report.targets))
    return f"{what}{how} a mixture of datasets that cotune chose among {len(report.datasets)} for {targets}."


def _why(report: Report, artefact: Artefact) -> str:
    if artefact.chosen_by == "user":
        return "Its user named it; no search says that another would not be better."
    return escape(report.verdict.sentence)


def _head(report: Report, artefact: Artefact) -> JsonTree:
    head: dict[str, JsonTree] = {
        "base_model": artefact.base_model,
        "base_model_relation": "adapter" if artefact.method == "lora" else "finetune",
        "library_name": "peft" if artefact.method == "lora" else "transformers",
        "pipeline_tag": "text-generation",
        "license": artefact.licence,
        "tags": ["cotune", *(["lora"] if artefact.method == "lora" else []), "data-mixture"],
        "datasets": list(artefact.mixture.names),
    }
    results = list(_results(report, artefact))
    if results:
        head["model-index"] = [{"name": artefact.name, "results": results}]
    return head


def _results(report: Report, artefact: Artefact) -> Iterable[JsonTree]:
    lines = {dataset.name: dataset for dataset in report.datasets}
    for score in _own_scores(report, artefact):
        line = lines.get(score.dataset)
        metric = line.metric if line else "score"
        yield {
            "task": {"type": HUB_TASKS.get(line.kind if line else "", "text-generation")},
            "dataset": {
                "name": score.dataset,
                "type": score.dataset,
                "split": "dev" if artefact.chosen_by == "user" else "test",
            },
            "metrics": [{"type": metric, "name": metric, "value": round(score.score, 4)}],
        }


def _own_scores(report: Report, artefact: Artefact) -> Sequence[FinalScore]:
    if artefact.chosen_by == "user":
        return artefact.dev
    return [score for score in report.test if score.mixture == artefact.label]


def _mixture(report: Report, artefact: Artefact) -> str:
    lines = {dataset.name: dataset for dataset in report.datasets}
    total = sum(exposure.tokens for exposure in artefact.exposure.values()) or 1
    rows = [
        _dataset_row(name, parts, artefact.exposure.get(name, Exposure()), total, lines.get(name))
        for name, parts in artefact.mixture.parts
    ]
    columns = ["dataset", "parts", "share of tokens", "tokens", "epochs", "licence", "source", "fingerprint"]
    return table(columns, rows)


def _dataset_row(name: str, parts: int, seen: Exposure, total: int, line: DatasetLine | None) -> Sequence[str]:
    known = (line.licence, line.source, line.fingerprint[:16]) if line else ("unknown", "", "")
    return [name, str(parts), f"{seen.tokens / total:.1%}", f"{seen.tokens:,}", f"{seen.epochs:.2f}", *known]


def _scores(report: Report, artefact: Artefact) -> str:
    percent = f"{100 * report.verdict.level:g} %"
    if artefact.chosen_by == "user":
        own = [[score.dataset, points(score.score), _reach(score)] for score in artefact.dev]
        return f"On all rows of dev, by this training:\n\n{table(['dataset', 'score', percent], own)}"
    test = [
        [score.mixture, score.dataset, points(score.score), _reach(score)]
        for score in sorted(report.test, key=lambda score: score.mixture != artefact.label)
    ]
    dev = [
        [line.title, line.label, points(line.value.mean), interval(line.value), str(line.value.seeds)]
        for line in report.verdict.standings
    ]
    parts = []
    if test:
        parts.append(f"On test, read once after the search:\n\n{table(['mixture', 'dataset', 'score', percent], test)}")
    if dev:
        columns = ["mixture", "", report.unit, percent, "seeds"]
        parts.append(f"On dev, which the search used:\n\n{table(columns, dev)}")
    kept = [
        [line.dataset, points(line.difference.mean, sign=True), interval(line.difference), f"-{points(line.margin)}"]
        for line in report.verdict.guards
        if line.mixture == artefact.mixture
    ]
    if kept:
        columns = ["dataset", "against the base model", percent, "allowed"]
        parts.append(f"On dev of what was to be kept:\n\n{table(columns, kept)}")
    return "\n\n".join(parts) or "Not scored."


def _reach(score: FinalScore) -> str:
    return "" if score.low is None or score.high is None else f"[{points(score.low)}, {points(score.high)}]"


def _training(report: Report, artefact: Artefact) -> str:
    facts = {"budget": artefact.budget, "seed": str(artefact.seed)}
    if artefact.chosen_by == "search":
        facts["search"] = f"{report.cost.fine_tunings} fine-tunings, {report.cost.tokens:,} tokens"
    rows = [*facts.items(), *report.settings.items(), *{**report.versions, **artefact.versions}.items()]
    return table(["", "value"], [list(row) for row in rows])


def _privacy(told: Balancing | None) -> list[str]:
    if told is None or not told.privacy:
        return []
    hidden = privacy_terms(told.terms)
    found = table(privacy_columns(told.terms), privacy_lines(told.privacy))
    return [f"## Privacy\n\n{LIMITS}{f' Hidden with {hidden}.' if hidden else ''}\n\n{found}"]


def _caveats(report: Report, artefact: Artefact) -> str:
    untested = "No test score: what is known comes from dev rows"
    others = f"the {artefact.noun} may be worse than its base."
    if artefact.chosen_by == "user":
        lines = [f"{untested}.", f"On other tasks than those scored above, {others}"]
    else:
        lines = [*report.warnings]
        if not _own_scores(report, artefact):
            lines.append(f"{untested}, which the search used to choose.")
        lines.append(f"The mixture was chosen for the targets above; on other tasks {others}")
    if artefact.balancing is None and report.settings.get("train.balancer.name") == PRIVATE:
        lines = [UNHIDDEN, *(line for line in lines if line != UNHIDDEN)]
    lines.append("The licence of every dataset in the table applies; check them before use.")
    return "\n".join(f"- {escape(line)}" for line in lines)
