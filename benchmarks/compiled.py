"""Measures what compiled layers cost and save: seconds to compile, and of a pass to train with and to read with."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.provenance import provenance
from cotune.tasks import load_tasks
from cotune.training import Lora, Train
from cotune.training.compiled import CompiledLayers
from cotune.training.decoder import Decoder
from cotune.training.encode import Encoder
from cotune.training.example import Example
from cotune.training.forest import packs as packs_of
from cotune.training.forest_decoder import ForestDecoder
from cotune.training.lora import adapted
from cotune.training.losses import weighted_losses
from cotune.training.model import LanguageModel, load_model
from cotune.training.trunk import Trunk

Given = TypeVar("Given")

TRAIN = Train(max_length=64)


@dataclass(frozen=True)
class Pass:
    """Seconds of a pass over one pack as it is and compiled, and what compiling took before the first one."""

    what: str
    plain: float
    compiled: float
    compiling: float


def measure(model: LanguageModel, packs: Sequence[Sequence[Example]], layers: str) -> tuple[list[Pass], float]:
    """Gives the passes to train with and to read with, and the largest difference of a pack's loss between the two."""
    lora = Lora(layers=layers)
    depth = model.depth(lora)
    trunk = Trunk(model, depth) if depth else None
    decoder = ForestDecoder(model, trunk)
    with adapted(model, lora, seed=0) as trainee:
        taken = CompiledLayers(model.layers[depth:], "on", model.tolerance)

        def train(pack: Sequence[Example]) -> float:
            loss = weighted_losses(decoder.logits(pack), pack, TRAIN).sum()
            loss.backward()
            return float(loss.detach())

        for pack in packs:
            train(pack)  # fills the trunk
        plain, losses = _timed(train, packs, nullcontext())
        read, _ = _timed(lambda pack: _read(decoder, pack), packs, nullcontext())
        compiling, _ = _seconds(lambda: taken.prepare(decoder, trainee.parameters, packs))
        if not taken.is_on:
            raise ValueError("The layers could not be compiled.")
        swift, found = _timed(train, packs, taken.standing_in())
        with taken.standing_in():
            more, _ = _seconds(lambda: _read(decoder, packs[0]))
        swift_read, _ = _timed(lambda pack: _read(decoder, pack), packs, taken.standing_in())
    apart = max(abs(one - other) for one, other in zip(losses, found, strict=True))
    return [Pass("train", plain, swift, compiling - plain), Pass("read losses", read, swift_read, more - read)], apart


def _read(decoder: Decoder, pack: Sequence[Example]) -> float:
    return sum(float(reading.losses.sum()) for reading in decoder.read(pack, limit=10**9))


def _timed(
    work: Callable[[Sequence[Example]], float], packs: Sequence[Sequence[Example]], inside: AbstractContextManager[None]
) -> tuple[float, list[float]]:
    """Gives the mean seconds of a pack, and what `work` gave."""
    with inside:
        seconds, found = _seconds(lambda: [work(pack) for pack in packs])
    return seconds / len(packs), found


def _seconds(work: Callable[[], Given]) -> tuple[float, Given]:
    """Gives the processor's seconds of `work`, those of a compiler that it starts included."""
    before = os.times()
    found = work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4]), found


def markdown(passes: Sequence[Pass], apart: float) -> str:
    """Gives a table with a line for each kind of pass."""
    lines = ["| pass | plain, s | compiled, s | to compile, s | passes that pay for it |", "|---" * 5 + "|"]
    for each in passes:
        saved = each.plain - each.compiled
        paid = f"{each.compiling / saved:,.0f}" if saved > 0 else "never"
        lines.append(f"| {each.what} | {each.plain:.3f} | {each.compiled:.3f} | {each.compiling:.0f} | {paid} |")
    return "\n".join([*lines, "", f"The losses of a pack differ by at most {apart:.1e}."]) + "\n"


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    options = _options()
    torch.set_num_threads(1)
    try:
        tasks = [task for task in load_tasks(options.data) if task.name in options.datasets]
        model = load_model(options.model, train=Train(device="cpu"), lora=Lora())
        encoder = Encoder(model.tokenizer)
        rows = [encoder.examples(task, task.rows["train"], max_length=64) for task in tasks]
        examples = [example for group in zip(*rows, strict=False) for example in group]
        packs = packs_of(examples, options.tokens)[: options.steps]
        passes, apart = measure(model, packs, options.layers)
    except ValueError as error:
        sys.exit(f"error: {error}")
    text, facts = markdown(passes, apart), provenance()
    command = " ".join(["python -m benchmarks.compiled", *sys.argv[1:]])
    if options.json:
        found = {"command": command, **facts, "passes": [asdict(each) for each in passes], "apart": apart}
        options.json.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    if options.markdown:
        options.markdown.write_text(
            "<!-- written by benchmarks/compiled.py; do not edit -->\n"
            "Forward and backward passes (without the step of the optimiser) and passes without gradients over "
            f"{len(packs)} packs of up to {options.tokens} tokens, in seconds of the processor, on one thread; the "
            f"trunk is filled, adapters on {options.layers}.\n\n"
            f"`{command}` at commit {facts['commit']} on {facts['hardware']}, Python {facts['python']}, "
            f"torch {torch.__version__}.\n\n{text}"
        )
    print(text, end="")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled", description=__doc__)
    add = parser.add_argument
    add("--model", default="embedded", help="hub id, local folder or embedded")
    add("--data", type=Path, default=Path("../shared/data"), help="folder of datasets")
    add("--datasets", nargs="+", default=["sms_spam", "snips"], help="whose train rows are taken in turn")
    add("--layers", default="top-6", help="lora.layers")
    add("--steps", type=int, default=20, help="packs")
    add("--tokens", type=int, default=256, help="tokens of a pack")
    add("--json", type=Path, help="write all figures and provenance here")
    add("--markdown", type=Path, help="write the printed table here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
