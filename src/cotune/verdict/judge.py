"""The verdict: what the evidence allows one to say about the winner, with intervals."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from statistics import fmean

from cotune.mixture import BASE, Mixture
from cotune.problem import Problem
from cotune.trial import Record, Trial
from cotune.verdict.floors import is_judgeable
from cotune.verdict.front import Front, front, front_words
from cotune.verdict.guards import Guard, guards, kept_words, none_keeps
from cotune.verdict.noise import by_mixture, scored, seed_noise
from cotune.verdict.paired import Chance, Estimate, Resamples, difference, resample, value_of
from cotune.verdict.winner import rank, slack
from cotune.verdict.wording import RUNNER_UP, Finding, anchor_label, sentence_of, title, unit

WORTH = 0.01
"""The mean lead over the base model from which training is not given up for want of seeds: a point."""

Groups = Mapping[Mixture, Sequence[Trial]]


@dataclass(frozen=True)
class Comparison:
    """The winner against another mixture on dev: on the objective, or on one `target`."""

    against: Mixture
    label: str
    target: str | None
    difference: Estimate
    unit: str


@dataclass(frozen=True)
class Standing:
    """A finalist's objective on dev with its interval, and its mean score on each target.

    `label` says what it is, `title` what is in it.
    """

    mixture: Mixture
    label: str
    title: str
    value: Estimate
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """What may be said: the winner, what to train, the sentence to quote, and the evidence behind it.

    `winner` has the best posterior mean among the mixtures that keep what is to be kept (`guards`), or comes nearest to
    that if none does, which makes the base model `recommended`. Else `recommended` is the cheapest mixture that it does
    not detectably beat, so often the winner itself; the untrained base model only if the winner leads it by less than a
    point. Both are None while nothing has finished. Scores are in [0, 1].
    """

    winner: Mixture | None
    recommended: Mixture | None
    sentence: str
    comparisons: tuple[Comparison, ...] = ()
    standings: tuple[Standing, ...] = ()
    seed_noise: float | None = None
    level: float = 0.95
    confirmed: bool = False
    guards: tuple[Guard, ...] = ()
    front: Front | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"Warning: {warning}" for warning in self.warnings)])


def judge(
    problem: Problem, records: Iterable[Record], *, seed: int = 0, resamples: int = 10_000, level: float = 0.95
) -> Verdict:
    """Gives the verdict on a study's records.

    The winner has the best posterior mean (see `choose`). Once mixtures were confirmed with fresh seeds it is one of
    those, and differences rest on the confirming trials alone, since the earlier ones helped to select it (winner's
    curse). Differences have paired intervals over dev examples and seeds (see `paired.py`); each stands alone at
    `level`. Cost: 0.1 s with 96 dev examples and four finalists of three seeds.

    >>> from cotune import Task
    >>> judge(Problem([Task("a")], ["a"]), []).sentence
    'No verdict yet: no fine-tuning has finished.'

    Raises:
        ValueError: level outside (0, 1) or fewer than 100 resamples.
    """
    if not 0 < level < 1 or resamples < 100:
        raise ValueError(f"A verdict needs a level in (0, 1) and at least 100 resamples; got {level}, {resamples}.")
    kept = list(records)
    trials = [record.trial for record in kept if record.trial]
    lacking = _lacking(problem, trials)
    if lacking:
        return Verdict(None, None, lacking, level=level)
    order, spare = rank(problem, trials), slack(problem, trials)
    allowed = {mixture for mixture in order if spare[mixture] >= 0}
    finalists, confirmed = _finalists(problem, kept, order, allowed or set(order))
    winner = next(iter(finalists))
    noise = seed_noise(problem, by_mixture(scored(problem, trials)))
    chance = Chance(level, seed, resamples, noise)
    comparisons = _compare(problem, finalists, chance)
    is_open = any(_is_open(line) for line in comparisons)
    able = [line for line in comparisons if line.against in {*allowed, BASE}]
    recommended = _cheapest(problem, winner, able) if allowed else BASE
    kept_lines = guards(problem, finalists, trials, chance)
    own = [line for line in kept_lines if line.mixture == winner]
    reached = front(problem, trials)
    told = front_words(reached) if reached and problem.objective == "pareto" else ""
    findings = [Finding(line.label, line.difference, line.unit) for line in comparisons if line.target is None]
    return Verdict(
        winner=winner,
        recommended=recommended,
        sentence=sentence_of(problem, winner, recommended, findings, is_open=is_open) + kept_words(own) + told
        if allowed
        else none_keeps(own, problem),
        comparisons=(*comparisons, *_by_target(problem, finalists, trials, chance)),
        standings=_standings(problem, finalists, chance),
        seed_noise=noise.sd,
        level=level,
        confirmed=confirmed,
        guards=kept_lines,
        front=reached,
        warnings=tuple(_warnings(problem, finalists, comparisons, confirmed, noise.sd)),
    )


def _finalists(
    problem: Problem, records: Sequence[Record], order: Sequence[Mixture], allowed: Set[Mixture]
) -> tuple[dict[Mixture, Sequence[Trial]], bool]:
    """Gives the winner, the anchors and, if the winner is one, the best other mixture, with the trials that count.

    `order` is from the best mixture on; only an `allowed` one wins. The flag tells whether the winner's trials are
    confirming ones: those count once they have reached a mixture that was searched for, or the leader itself.
    """
    runs = by_mixture(scored(problem, [record.trial for record in records if record.trial]))
    fresh = [record.trial for record in records if record.trial and record.proposal.reason.startswith("confirm")]
    confirmed = by_mixture(scored(problem, fresh))
    able = allowed & confirmed.keys()
    is_confirmed = any(mixture == order[0] or not anchor_label(problem, mixture) for mixture in able)
    winner = next(mixture for mixture in order if mixture in able or not is_confirmed)
    anchors = (problem.target_only, problem.everything)
    others = sorted((m for m in order if m not in anchors), key=lambda mixture: mixture not in confirmed)
    runner_up = others[:1] if winner in anchors else []
    chosen = dict.fromkeys([winner, *anchors, *runner_up, BASE])
    counting = {**runs, **confirmed} if is_confirmed else runs
    return {mixture: counting[mixture] for mixture in chosen if mixture in counting}, is_confirmed


def _compare(problem: Problem, finalists: Groups, chance: Chance, target: str | None = None) -> tuple[Comparison, ...]:
    """Gives the first finalist's difference from each other one."""
    (_, ours), *rivals = finalists.items()
    draws = _draws(problem, finalists, chance)
    return tuple(
        Comparison(
            mixture,
            anchor_label(problem, mixture) or f"{RUNNER_UP} {title(problem, mixture)}",
            target,
            difference(problem, ours, theirs, draws, chance),
            unit(problem),
        )
        for mixture, theirs in rivals
    )


def _by_target(problem: Problem, finalists: Groups, trials: Sequence[Trial], chance: Chance) -> tuple[Comparison, ...]:
    """Gives the same differences on each target by itself, where there are several."""
    if len(problem.targets) == 1:
        return ()
    lines: list[Comparison] = []
    for target in problem.targets:
        alone = problem.alone(target)
        noise = seed_noise(alone, by_mixture(scored(problem, trials)))
        lines += _compare(alone, finalists, Chance(chance.level, chance.seed, chance.resamples, noise), target)
    return tuple(lines)


def _standings(problem: Problem, finalists: Groups, chance: Chance) -> tuple[Standing, ...]:
    draws = _draws(problem, finalists, chance)
    labels = {mixture: anchor_label(problem, mixture) or RUNNER_UP for mixture in finalists}
    winner = next(iter(finalists))
    labels[winner] = ", ".join(["winner", *([labels[winner]] if anchor_label(problem, winner) else [])])
    return tuple(
        Standing(mixture, label, title(problem, mixture), value_of(problem, runs, draws, chance), _means(problem, runs))
        for (mixture, label), runs in zip(labels.items(), finalists.values(), strict=True)
    )


def _means(problem: Problem, runs: Sequence[Trial]) -> dict[str, float]:
    alone = [(name, Problem(problem.tasks, [name])) for name in problem.targets]
    return {name: fmean(single.value(trial) for trial in runs) for name, single in alone}


def _draws(problem: Problem, finalists: Groups, chance: Chance) -> Resamples:
    return resample(problem, [trial for runs in finalists.values() for trial in runs], chance)


def _cheapest(problem: Problem, winner: Mixture, comparisons: Sequence[Comparison]) -> Mixture:
    """Gives the mixture of fewest datasets among the winner and the anchors that it does not detectably beat."""
    rivals = [line for line in comparisons if anchor_label(problem, line.against)]
    equal = [
        line.against
        for line in rivals
        if line.difference.low is not None and not line.difference.is_above and not _is_open(line)
    ]
    return min([winner, *equal], key=lambda mixture: (len(mixture), mixture != winner))


def _is_open(line: Comparison) -> bool:
    """Tells whether training seems to pay, though the interval of its lead over the base model holds 0."""
    estimate = line.difference
    undecided = estimate.low is not None and not estimate.is_above
    return line.against == BASE and line.target is None and undecided and estimate.mean >= WORTH


def _lacking(problem: Problem, trials: Sequence[Trial]) -> str:
    """Gives why there is no verdict; "" if there is one."""
    comparable = scored(problem, trials)
    if not any(len(trial.request.mixture) for trial in comparable):
        return _nothing(problem, trials)
    if not is_judgeable(problem, trials):
        return f"No verdict: the base model has no score on {list(problem.keep)}, which are to be kept."
    return ""


def _nothing(problem: Problem, trials: Sequence[Trial]) -> str:
    failed = sum(not trial.is_finished for trial in trials)
    if failed:
        return f"No verdict: no fine-tuning finished with a score for {', '.join(problem.measured)}; {failed} failed."
    return "No verdict yet: no fine-tuning has finished."


def _warnings(
    problem: Problem, finalists: Groups, comparisons: Sequence[Comparison], confirmed: bool, noise: float | None
) -> Iterable[str]:
    if len(problem.tasks) == 1:
        yield "The pool has one dataset, so there is nothing to choose."
    elif not confirmed:
        yield "Not confirmed with fresh seeds: the winner was selected on the same runs, so its lead is optimistic."
    for anchor in dict.fromkeys((problem.target_only, problem.everything)):
        if anchor not in finalists:
            yield f"No finished run of {title(problem, anchor)} to compare with."
    weighed = problem.measured
    if noise is None:
        yield "No mixture was repeated with another seed, so the intervals leave out the noise between seeds."
    scores = [trial.results[name].score or 0.0 for runs in finalists.values() for trial in runs for name in weighed]
    if any(not 0 <= score <= 1 for score in scores):
        yield "Some scores are outside [0, 1]. A point is a hundredth of a score, and a higher score is better."
    if any(line.difference.examples == 0 for line in comparisons):
        yield "Runs without shared per-example results: the intervals leave out the choice of dev examples."
