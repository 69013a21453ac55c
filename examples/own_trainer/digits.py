"""A trainer of your own: cotune searches over image datasets with a small NumPy network and no language model.

Seven sets of synthetic digit images, each drawn in its own way. The target has 60 training images; which of the other
sets should a network train on with them? Some help, some cost more than they give, one has wrong labels.

Run it with `python examples/own_trainer/digits.py [FOLDER]` (about 10 seconds), or from the command line with
`cotune run examples/own_trainer/study.yaml`.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cotune import Problem, Request, Task, TaskResult, Trial, each
from cotune.study import Study
from cotune.tally import Tally, tally_score
from cotune.trial import ExampleResults, Exposure

FONT = (
    "01110 10001 10001 10001 10001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00010 00100 01000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
GLYPHS = np.array([[[float(dot) for dot in line] for line in glyph.split()] for glyph in FONT])  # [digit, row, column]
STEPS, BATCH, HIDDEN, RATE = 1000, 64, 64, 0.2


@dataclass(frozen=True)
class Style:
    """How one dataset draws its digits, and how many training images it has."""

    images: int = 2000
    noise: float = 0.2
    shifted: bool = True
    negative: bool = False
    mirrored: bool = False
    mislabelled: bool = False


STYLES = {
    "photos": Style(images=60, noise=0.3),
    "scans": Style(noise=0.1),
    "grainy": Style(noise=0.3, shifted=False),
    "prints": Style(noise=0.1, shifted=False),
    "negatives": Style(negative=True),
    "mirrored": Style(mirrored=True),
    "mislabelled": Style(mislabelled=True),
}
PROBLEM = Problem([Task(name, metric="accuracy") for name in STYLES], targets=["photos"])


def draw(style: Style, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Gives `count` images [image, pixel] in a style, and their labels [image]."""
    digits = rng.integers(10, size=count)
    glyphs = GLYPHS[digits, :, ::-1] if style.mirrored else GLYPHS[digits]
    images = np.zeros((count, 9, 8))  # [image, row, column]
    places = rng.integers([3, 4], size=(count, 2)) if style.shifted else np.ones((count, 2), int)
    for image, glyph, (top, left) in zip(images, glyphs, places, strict=True):
        image[top : top + 7, left : left + 5] = glyph
    images = (1 - images if style.negative else images) + rng.normal(0.0, style.noise, images.shape)
    labels = (digits + 3) % 10 if style.mislabelled else digits
    return images.reshape(count, -1), labels


TRAIN = {
    name: draw(style, style.images, np.random.default_rng([1, i])) for i, (name, style) in enumerate(STYLES.items())
}
DEV = {name: draw(style, 400, np.random.default_rng([2, i])) for i, (name, style) in enumerate(STYLES.items())}


def train(request: Request) -> Trial:
    """Trains the network on a request's mixture for a fixed number of steps and scores it on the target."""
    start = perf_counter()
    rng = np.random.default_rng(request.seed)
    parts = request.mixture.to_json()
    names = list(parts)
    shares = np.array(list(parts.values())) / sum(parts.values())
    w1, w2 = rng.normal(0.0, 0.15, (73, HIDDEN)), rng.normal(0.0, 0.15, (HIDDEN + 1, 10))
    seen = dict.fromkeys(names, 0)
    steps = round(STEPS * request.fidelity) if parts else 0
    for step in range(steps):
        counts = rng.multinomial(BATCH, shares)
        picks = [(name, rng.integers(len(TRAIN[name][1]), size=n)) for name, n in zip(names, counts, strict=True)]
        x = np.concatenate([TRAIN[name][0][rows] for name, rows in picks])
        y = np.concatenate([TRAIN[name][1][rows] for name, rows in picks])
        update(w1, w2, x, y, rate=RATE * (1 - step / steps))
        for name, n in zip(names, counts, strict=True):
            seen[name] += int(n)
    exposure = {name: Exposure(examples=n, epochs=n / len(TRAIN[name][1])) for name, n in seen.items()}
    results = {name: score(w1, w2, name) for name in PROBLEM.targets}
    return Trial(request, results, exposure, seconds=perf_counter() - start, device="cpu")


def forward(
    w1: NDArray[np.float64], w2: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gives input and hidden layer, each with a column of ones, and the probabilities [image, digit]."""
    ones = np.ones((len(x), 1))
    x = np.hstack([x, ones])
    hidden = np.hstack([np.maximum(x @ w1, 0), ones])
    logits = hidden @ w2
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return x, hidden, odds / odds.sum(axis=1, keepdims=True)


def update(
    w1: NDArray[np.float64], w2: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.int64], *, rate: float
) -> None:
    """Takes one step of gradient descent on the cross-entropy, in place."""
    x, hidden, error = forward(w1, w2, x)
    error[np.arange(len(y)), y] -= 1
    back = (error @ w2[:-1].T) * (hidden[:, :-1] > 0)
    w2 -= rate / len(y) * hidden.T @ error
    w1 -= rate / len(y) * x.T @ back


def score(w1: NDArray[np.float64], w2: NDArray[np.float64], name: str) -> TaskResult:
    """Gives accuracy and loss on a dataset's dev images, with the result of every image for paired intervals."""
    x, y = DEV[name]
    odds = forward(w1, w2, x)[2]
    right = odds.argmax(axis=1) == y
    losses = -np.log(odds[np.arange(len(y)), y] + 1e-12)
    tallies = tuple((Tally("", float(hit), 1.0),) for hit in right)
    ids = tuple(f"{name}-{i}" for i in range(len(y)))
    return TaskResult(
        tally_score(tallies), float(losses.mean()), examples=ExampleResults(ids, tallies, tuple(losses.tolist()))
    )


evaluate = each(train)


def main() -> None:
    """Runs the study in the folder that the command line names, and prints what it found."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/digits")
    settings = {"network": [STEPS, BATCH, HIDDEN, RATE]}
    study = Study(folder, PROBLEM, settings=settings)
    study.run(evaluate, trials=30)
    print(study.verdict().sentence)


if __name__ == "__main__":
    main()
