"""Leave one target out: what the other targets of a pool tell of one that no run was scored on."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.intervals import interval
from benchmarks.pools import Pool
from benchmarks.studies.encodings import Encoded, encoded
from benchmarks.studies.new_pool import correlation, known, regret_of_first, regret_of_random, standardised
from benchmarks.studies.pictures import bars
from benchmarks.studies.problems import pool_paths
from benchmarks.studies.regrets import shown, signed
from benchmarks.studies.study import Found, Sources, Study, table
from benchmarks.studies.texts import with_texts
from benchmarks.summary import Interval
from cotune.search import Ensemble

Array = NDArray[np.float64]

RANKERS = {
    "network": "network, with contents",
    "network without contents": "network, without contents",
    "size": "mean score by size",
    "popularity": "popularity",
}


def measure(sources: Sources) -> Found:
    """Ranks each target's combinations by what the other targets of its pool scored; none of its own scores is seen."""
    paths = pool_paths(sources.pools)
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(len(paths), sources.limit(10))).astype(int)]
    found: Found = {"problems": [], "random": [], **{name: {"regret": [], "correlation": []} for name in RANKERS}}
    for path in chosen:
        pool = with_texts(path, sources.data)
        codes = {target: encoded(pool, target) for (target,) in pool.targets()}
        for target in codes:
            truth = known(pool, target, codes[target], pool.table.names).scores
            found["problems"].append(f"{pool.name}/{target}")
            found["random"].append(regret_of_random(truth))
            for name, guess in _guesses(pool, target, codes).items():
                found[name]["regret"].append(regret_of_first(guess, truth))
                found[name]["correlation"].append(correlation(guess, truth))
    return found


def _guesses(pool: Pool, target: str, codes: dict[str, Encoded]) -> dict[str, Array]:
    """Gives the predictions [mixture] of each ranker for the combinations that hold `target`."""
    others = [name for name in codes if name != target]
    scores = {name: standardised(known(pool, name, codes[name], pool.table.names).scores) for name in others}
    own = codes[target]
    size = np.concatenate([codes[name].parts.sum(axis=1) for name in others])
    y = np.concatenate([scores[name] for name in others])
    by_size = {number: y[size == number].mean() for number in np.unique(size)}
    return {
        "network": _network(codes, others, y, own, ("inclusion", "size", "contents")),
        "network without contents": _network(codes, others, y, own, ("inclusion", "size")),
        "size": np.array([by_size[number] for number in own.parts.sum(axis=1)]),
        "popularity": own.parts @ _popularity(pool, codes, scores),
    }


def _network(codes: dict[str, Encoded], others: list[str], y: Array, own: Encoded, groups: tuple[str, ...]) -> Array:
    x = np.concatenate([codes[name].features(codes[name].parts, groups) for name in others])
    model = Ensemble(members=4).fit(x, y[:, None])
    return np.asarray(model.predict(own.features(own.parts, groups)).mean(axis=0)[:, 0])


def _popularity(pool: Pool, codes: dict[str, Encoded], scores: dict[str, Array]) -> Array:
    """Gives by how much each dataset raises the other targets' standardised scores on average [task]."""
    gains = []
    for name, values in scores.items():
        parts = codes[name].parts > 0  # [mixture, task]
        counts = parts.sum(axis=0)
        free = counts < len(parts)  # a target is in all of its own combinations and has no gain there
        gain = (values @ parts) / np.maximum(counts, 1) - (values @ ~parts) / np.maximum(len(parts) - counts, 1)
        gains.append(np.where(free, gain, np.nan))
    found = np.nanmean(gains, axis=0)
    assert found.shape == (len(pool.table.names),)
    return found


def text(result: Found) -> str:
    """Shows rank correlation and regret, against random and against popularity."""
    head = ("ranked by", "rank correlation", "regret of the best of the first six", "minus random", "minus popularity")
    lines = {}
    for name, title in RANKERS.items():
        regret = shown(interval(result[name]["regret"]))
        against = _minus(result, name, "popularity")
        lines[title] = (
            shown(interval(result[name]["correlation"])),
            regret,
            signed(_minus(result, name, "random")),
            "" if name == "popularity" else signed(against),
        )
    lines["random"] = ("0", shown(interval(result["random"])), "", signed(_minus(result, "random", "popularity")))
    return f"{table(head, lines)}\n\n{_verdict(result)}"


def _verdict(result: Found) -> str:
    random, popular = _minus(result, "network", "random"), _minus(result, "network", "popularity")
    return (
        f"Without one score of the new target the network is {_than(random)} random choice and {_than(popular)} "
        f"popularity, by the regret of the best of the first six ({len(result['problems'])} targets; all others of "
        "the pool known)."
    )


def _than(difference: Interval) -> str:
    _, low, high = difference
    return "better than" if high < 0 else "worse than" if low > 0 else "not separable from"


def _minus(result: Found, name: str, against: str) -> Interval:
    one, other = (result[key] if key == "random" else result[key]["regret"] for key in (name, against))
    return interval((np.array(one) - np.array(other)).tolist())


def picture(result: Found) -> str:
    """Draws the paired differences from random choice."""
    lines = {title: _minus(result, name, "random") for name, title in RANKERS.items()}
    return bars(lines, unit="regret of the best of six, minus that of random six", label="Leave one target out")


STUDY = Study(measure, text, picture)
