"""What a study.yaml may say: every key, its type, its default and what it means."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from cotune.problem import MOST_LEVELS, Objective
from cotune.task import Task, check_name
from cotune.tasks.spec import DatasetSpec, dataset_spec
from cotune.training import Balance, Budget, Lora, Mixing, Scoring, SizePolicy, Train

Plain: TypeAlias = object
"""A value as it comes out of YAML, before it is checked."""


class Section(BaseModel):
    """A part of the file: frozen, without unknown keys, without infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _balancers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        Balance(name)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"search.balancers names each balancer once; repeated: {repeated}.")
    return names


def _batch(value: Plain) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if type(value) is not int or value < 1:
        raise ValueError(f"search.batch is 'auto' or a whole number of fine-tunings >= 1; got {value!r}.")
    return value


class Search(Section):
    """How the search goes: how many fine-tunings, which sampler, when it stops early.

    `trials` counts every fine-tuning of the study: anchors, repeats, confirmation and failures included. `patience` is
    how many fine-tunings in a row may bring no better value; `min_improvement` the expected improvement, as a score,
    below which it is not worth another one; `min_improvement_noise` the same in standard deviations between seeds.
    `confirm` is how many fresh seeds confirm the winner and each anchor; with 0 the search repeats what may be best.
    `batch` is how many are proposed and handed over together, or "auto" for what runs side by side and a search bears.
    `early_stopping` ends fine-tunings that are hopeless by their dev loss. Under each of `balancers` the winner is
    trained again with its confirming seeds.
    """

    trials: int = Field(default=24, ge=1)
    sampler: str = "default"
    confirm: int = Field(default=3, ge=0)
    seed: int = Field(default=0, ge=0)
    batch: Annotated[int | Literal["auto"], PlainValidator(_batch)] = "auto"
    max_hours: float | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)
    min_improvement: float | None = Field(default=None, ge=0)
    min_improvement_noise: float | None = Field(default=None, ge=0)
    early_stopping: Literal["none", "auto"] = "none"
    balancers: Annotated[tuple[str, ...], AfterValidator(_balancers)] = ()


class Limits(Section):
    """What training may take: `hours` a trial, or it is killed and fails; `memory_gib` of address space a process."""

    hours: float | None = Field(default=None, gt=0)
    memory_gib: float | None = Field(default=None, gt=0)


OWN_METRIC = "score"
"""What a user's own evaluation measures, unless the study says."""


def dataset(entry: Plain) -> DatasetSpec | Task:
    """Reads one entry; one without a path is a name for a user's own evaluation, with the word for its scores."""
    if isinstance(entry, str):
        return Task(entry, metric=OWN_METRIC)
    if not isinstance(entry, dict):
        raise ValueError(f"A dataset is a name or a mapping with name and path; got {entry!r}.")
    if "name" in entry and set(entry) <= {"name", "metric"}:
        metric = entry.get("metric", OWN_METRIC)
        if not isinstance(metric, str) or not metric.isprintable() or not metric.strip():
            raise ValueError(f"Dataset {entry['name']!r}: metric is a word for its scores; got {metric!r}.")
        return Task(str(entry["name"]), metric=metric)
    return dataset_spec(entry)


def _distinct(datasets: tuple[DatasetSpec | Task, ...]) -> tuple[DatasetSpec | Task, ...]:
    if not datasets:
        raise ValueError("A study has at least one dataset; list them under datasets.")
    names = [entry.name.casefold() for entry in datasets]
    repeated = sorted({entry.name for entry in datasets if names.count(entry.name.casefold()) > 1})
    if repeated:
        raise ValueError(f"Dataset names differ, and not by case alone; repeated: {repeated}. Rename one of each.")
    return datasets


def _study_name(name: str) -> str:
    try:
        check_name(name)
    except ValueError as error:
        raise ValueError(str(error).replace("A dataset name", "A study's name")) from None
    return name


class StudyConfig(Section):
    """A study as its file and the overrides say it.

    `name` is the file's, unless said, and that of the study's folder. `evaluate` names a user's own evaluation as
    `module:object`, in place of `model` and all that trains it; its datasets need only names. `required` are the
    datasets that every mixture holds (the targets, unless said); `levels` the largest number of parts; `objective`,
    `reference` and `keep` what counts (see `cotune.Problem`); `leaks` what to do with train rows that occur in a dev or
    test split, and dev rows that occur in their test split.
    """

    name: Annotated[str, AfterValidator(_study_name)]
    model: str = "embedded"
    evaluate: str | None = None
    targets: Mapping[str, float]
    required: tuple[str, ...] | None = None
    levels: int = Field(default=1, ge=1, le=MOST_LEVELS)
    objective: Objective = "mean"
    reference: Mapping[str, float] = Field(default_factory=dict)
    keep: Mapping[str, float] = Field(default_factory=dict)
    budget: Budget = Budget(tokens=50_000)
    size_policy: SizePolicy = SizePolicy()
    lora: Lora = Lora()
    train: Train = Train()
    scoring: Scoring = Scoring()
    search: Search = Search()
    limits: Limits = Limits()
    leaks: Literal["drop", "refuse", "keep"] = "drop"
    datasets: Annotated[tuple[Annotated[DatasetSpec | Task, PlainValidator(dataset)], ...], AfterValidator(_distinct)]

    @model_validator(mode="after")
    def _check_balancers(self) -> Self:
        search, rivals = self.search, [name for name in self.search.balancers if name != self.train.balancer.name]
        if not rivals:
            return self
        if self.evaluate is not None:
            raise ValueError("search.balancers are cotune's own; a study with evaluate has none. Leave them out.")
        if self.train.mixing != Mixing():
            raise ValueError(
                f"search.balancers weigh losses, and mixing {self.train.mixing.name!r} goes with no balancer. Leave "
                "one of the two out."
            )
        if not search.confirm:
            raise ValueError("search.balancers are compared on the confirming seeds; set search.confirm to 2 or more.")
        if 2 * len(rivals) * search.confirm > search.trials:
            raise ValueError(
                f"search.balancers take {len(rivals)} x {search.confirm} of {search.trials} trials, more than half; "
                f"set search.trials to {2 * len(rivals) * search.confirm} or more, or name fewer balancers."
            )
        return self
