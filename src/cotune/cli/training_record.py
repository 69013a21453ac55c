"""What a study's log keeps of final trainings: data, seed, model, metrics, tokens, time and scores."""

from collections.abc import Sequence
from typing import cast

from cotune.cli.artefact import budget_words
from cotune.cli.final import Final, Outcome
from cotune.journal.groups import plain
from cotune.reporting import final_entry
from cotune.trial import Balancing
from cotune.trial_json import Json, JsonObject


def training_record(final: Final, outcomes: Sequence[Outcome]) -> JsonObject:
    """Gives the payload of a log entry on trainings that were scored: that of `final_entry`, and what led to it.

    `datasets` are the fingerprints of what was trained on or scored, `seconds` those of the training alone.
    Of a training that was made private each has the epsilons by dataset and their `terms` (see `Balancing`).
    """
    problem, config = final.problem, final.opened.config
    scored = {name for outcome in outcomes for name in outcome.results}
    used = scored.union(*(outcome.mixture.names for outcome in outcomes))
    trainings: list[Json] = [
        {
            "mixture": cast(JsonObject, dict(outcome.mixture.parts)),
            "tokens": sum(exposure.tokens for exposure in outcome.adapter.exposure.values()),
            "seconds": outcome.adapter.seconds,
            **_privacy(outcome.adapter.balancing),
        }
        for outcome in outcomes
    ]
    return {
        **final_entry(problem, {outcome.mixture: outcome.results for outcome in outcomes}),
        "trainings": trainings,
        "training_seed": final.seed,
        "budget": budget_words(config),
        "model": config.model,
        "metrics": {task.name: task.metric for task in problem.tasks if task.name in scored},
        "datasets": {task.name: task.fingerprint for task in problem.tasks if task.name in used},
        "settings": plain(outcomes[0].settings),
        "out": str(final.out),
    }


def _privacy(told: Balancing | None) -> JsonObject:
    if told is None or not told.privacy:
        return {}
    return {"privacy": {name: list(pair) for name, pair in told.privacy.items()}, "terms": dict(told.terms)}
