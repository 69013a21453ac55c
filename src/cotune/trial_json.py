"""Trials and proposals as JSON objects and back, exact to the bit."""

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import TypeAlias, cast

from cotune.mixture import Mixture
from cotune.tally import Tally
from cotune.trial import Balancing, ExampleResults, Exposure, Mixed, Point, Proposal, Request, Stop, TaskResult, Trial

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What JSON can say."""

JsonObject: TypeAlias = dict[str, Json]


def dump(value: Json) -> str:
    """Gives `value` as one line of strict JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def proposal_to_json(proposal: Proposal) -> JsonObject:
    """Gives a JSON object that `proposal_from_json` reads back."""
    return {
        "request": _request_to_json(proposal.request),
        "reason": proposal.reason,
        "mean": _float_to_json(proposal.mean),
        "sd": _float_to_json(proposal.sd),
        "improvement": _float_to_json(proposal.improvement),
    }


def proposal_from_json(json_object: Mapping[str, Json]) -> Proposal:
    """Reads what `proposal_to_json` gave."""
    return Proposal(
        _request_from_json(_object(json_object["request"])),
        cast(str, json_object["reason"]),
        _float_from_json(json_object["mean"]),
        _float_from_json(json_object["sd"]),
        _float_from_json(json_object["improvement"]),
    )


def trial_to_json(trial: Trial) -> JsonObject:
    """Gives a JSON object without per-example results (see `examples_to_json`); `trial_from_json` reads it back.

    >>> trial = Trial(Request(Mixture.of(["a"])), {"a": TaskResult(0.5)})
    >>> trial_from_json(trial_to_json(trial)) == trial
    True
    """
    return {
        "request": _request_to_json(trial.request),
        "results": {name: _result_to_json(result) for name, result in trial.results.items()},
        "exposure": {
            name: [found.tokens, found.examples, _float_to_json(found.epochs), found.truncated]
            for name, found in trial.exposure.items()
        },
        "seconds": _float_to_json(trial.seconds),
        "device": trial.device,
        "train_loss": [_float_to_json(loss) for loss in trial.train_loss],
        "error": trial.error,
        "source": trial.source,
        **({} if trial.balancing is None else {"balancing": _balancing_to_json(trial.balancing)}),
        **({} if trial.mixed is None else {"mixed": _mixed_to_json(trial.mixed)}),
        **({"curve": [_point_to_json(point) for point in trial.curve]} if trial.curve else {}),
        **({"reached": trial.reached} if trial.reached < 1 else {}),
    }


def trial_from_json(
    json_object: Mapping[str, Json], examples: Mapping[str, Json] | None = None, *, request: Request | None = None
) -> Trial:
    """Reads what `trial_to_json` gave and, where given, what `examples_to_json` gave.

    A `request` that is known to be the trial's is taken instead of being read again.
    """
    kept = examples or {}
    return Trial(
        request=request or _request_from_json(_object(json_object["request"])),
        results={
            name: _result_from_json(result, kept.get(name))
            for name, result in cast("dict[str, JsonObject]", json_object["results"]).items()
        },
        exposure={
            name: Exposure(tokens, examples_seen, float(epochs), truncated)
            for name, (tokens, examples_seen, epochs, truncated) in cast(
                "dict[str, tuple[int, int, float, int]]", json_object["exposure"]
            ).items()
        },
        seconds=float(cast(float, json_object["seconds"])),
        device=cast(str, json_object["device"]),
        train_loss=tuple(float(loss) for loss in cast(list[float], json_object["train_loss"])),
        error=cast("str | None", json_object["error"]),
        source=cast(str, json_object["source"]),
        balancing=_balancing_from_json(_object(json_object["balancing"])) if "balancing" in json_object else None,
        mixed=_mixed_from_json(_object(json_object["mixed"])) if "mixed" in json_object else None,
        curve=tuple(_point_from_json(point) for point in cast("list[JsonObject]", json_object.get("curve", []))),
        reached=float(cast(float, json_object.get("reached", 1.0))),
    )


def examples_to_json(trial: Trial) -> JsonObject:
    """Gives the per-example results of each task that has any."""
    return {
        name: {
            "ids": list(result.examples.ids),
            "tallies": [
                [[tally.group, _float_to_json(tally.numerator), _float_to_json(tally.denominator)] for tally in row]
                for row in result.examples.tallies
            ],
            "losses": [_float_to_json(loss) for loss in result.examples.losses],
            "answer_tokens": list(result.examples.answer_tokens),
            "outputs": list(result.examples.outputs),
        }
        for name, result in trial.results.items()
        if result.examples != _NO_EXAMPLES
    }


_NO_EXAMPLES = ExampleResults()


def without_examples(trial: Trial) -> Trial:
    """Gives a trial without its per-example results."""
    bare = {name: replace(result, examples=_NO_EXAMPLES) for name, result in trial.results.items()}
    return replace(trial, results=bare)


def _examples_from_json(json_object: Mapping[str, Json]) -> ExampleResults:
    rows = cast(list[list[tuple[str, float, float]]], json_object["tallies"])
    return ExampleResults(
        ids=tuple(cast(list[str], json_object["ids"])),
        tallies=tuple(tuple(Tally(group, float(top), float(bottom)) for group, top, bottom in row) for row in rows),
        losses=tuple(float(loss) for loss in cast(list[float], json_object["losses"])),
        answer_tokens=tuple(cast(list[int], json_object["answer_tokens"])),
        outputs=tuple(cast(list[str], json_object["outputs"])),
    )


def _result_to_json(result: TaskResult) -> JsonObject:
    return {
        "score": _float_to_json(result.score),
        "loss": _float_to_json(result.loss),
        "metrics": {name: _float_to_json(value) for name, value in result.metrics.items()},
        "malformed": result.malformed,
    }


def _result_from_json(json_object: JsonObject, examples: Json) -> TaskResult:
    metrics = cast("dict[str, float]", json_object["metrics"])
    return TaskResult(
        _float_from_json(json_object["score"]),
        _float_from_json(json_object["loss"]),
        {name: float(value) for name, value in metrics.items()} if metrics else {},
        cast(int, json_object["malformed"]),
        _examples_from_json(_object(examples)) if examples else _NO_EXAMPLES,
    )


def _balancing_to_json(found: Balancing) -> JsonObject:
    return {
        "balancer": found.balancer,
        "steps": list(found.steps),
        "weights": {name: [_float_to_json(weight) for weight in weights] for name, weights in found.weights.items()},
        "cosines": [[_float_to_json(cosine) for cosine in line] for line in found.cosines],
        **({"privacy": {name: list(pair) for name, pair in found.privacy.items()}} if found.privacy else {}),
        **({"validation": [[step, list(losses)] for step, losses in found.validation]} if found.validation else {}),
        **({"terms": dict(found.terms)} if found.terms else {}),
    }


def _balancing_from_json(json_object: JsonObject) -> Balancing:
    weights = cast("dict[str, list[float]]", json_object["weights"])
    privacy = cast("dict[str, list[float]]", json_object.get("privacy", {}))
    looks = cast("list[tuple[int, list[float]]]", json_object.get("validation", []))
    return Balancing(
        cast(str, json_object["balancer"]),
        tuple(cast("list[int]", json_object["steps"])),
        {name: tuple(float(weight) for weight in line) for name, line in weights.items()},
        tuple(tuple(map(_float_from_json, line)) for line in cast("list[list[Json]]", json_object["cosines"])),
        {name: (float(pair[0]), float(pair[1])) for name, pair in privacy.items()},
        tuple((step, tuple(map(float, losses))) for step, losses in looks),
        {name: float(value) for name, value in cast("dict[str, float]", json_object.get("terms", {})).items()},
    )


def _mixed_to_json(found: Mixed) -> JsonObject:
    return {
        "mixing": found.mixing,
        "steps": list(found.steps),
        "shares": {name: [_float_to_json(share) for share in line] for name, line in found.shares.items()},
        "tokens": {name: list(line) for name, line in found.tokens.items()},
        "weights": {name: [_float_to_json(weight) for weight in line] for name, line in found.weights.items()},
        "dropped": [list(line) for line in found.dropped],
        **({"influence": {name: dict(line) for name, line in found.influence.items()}} if found.influence else {}),
    }


def _mixed_from_json(json_object: JsonObject) -> Mixed:
    def lines(key: str) -> dict[str, tuple[float, ...]]:
        read = cast("dict[str, list[float]]", json_object[key])
        return {name: tuple(float(value) for value in line) for name, line in read.items()}

    influence = cast("dict[str, dict[str, float]]", json_object.get("influence", {}))
    return Mixed(
        cast(str, json_object["mixing"]),
        tuple(cast("list[int]", json_object["steps"])),
        lines("shares"),
        {name: tuple(line) for name, line in cast("dict[str, list[int]]", json_object["tokens"]).items()},
        lines("weights"),
        tuple(
            (step, name, reason) for step, name, reason in cast("list[tuple[int, str, str]]", json_object["dropped"])
        ),
        {name: {other: float(cosine) for other, cosine in line.items()} for name, line in influence.items()},
    )


def _point_to_json(point: Point) -> JsonObject:
    return {"fraction": point.fraction, "losses": {name: _float_to_json(loss) for name, loss in point.losses.items()}}


def _point_from_json(json_object: JsonObject) -> Point:
    losses = cast("dict[str, float]", json_object["losses"])
    return Point(cast(float, json_object["fraction"]), {name: float(loss) for name, loss in losses.items()})


def _request_to_json(request: Request) -> JsonObject:
    asked: JsonObject = {"mixture": dict(request.mixture.to_json()), "seed": request.seed, "fidelity": request.fidelity}
    return asked if request.stop is None else {**asked, "stop": _stop_to_json(request.stop)}


def _request_from_json(json_object: Mapping[str, Json]) -> Request:
    mixture = Mixture.of(cast(dict[str, int], json_object["mixture"]))
    stop = json_object.get("stop")
    return Request(
        mixture,
        cast(int, json_object["seed"]),
        cast(float, json_object["fidelity"]),
        None if stop is None else _stop_from_json(_object(stop)),
    )


def _stop_to_json(stop: Stop) -> JsonObject:
    limits: Json = [[fraction, _float_to_json(limit)] for fraction, limit in stop.limits]
    return {"weights": dict(stop.weights), "limits": limits}


def _stop_from_json(json_object: JsonObject) -> Stop:
    weights = cast("dict[str, float]", json_object["weights"])
    limits = cast("list[tuple[float, float]]", json_object["limits"])
    return Stop(tuple(weights.items()), tuple((float(fraction), float(limit)) for fraction, limit in limits))


def _object(value: Json) -> JsonObject:
    return cast(JsonObject, value)


def _float_to_json(value: float | None) -> Json:
    """A failed trial may hold NaN or infinity, which strict JSON lacks: they are written as text."""
    return value if value is None or isfinite(value) else str(value)


def _float_from_json(value: Json) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
