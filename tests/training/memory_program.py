"""Programs whose memory the tests watch, each in a process of its own: `python memory_program.py WHAT ARGUMENTS`."""

import sys
from pathlib import Path

import tiny
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from cotune import Mixture, Request
from cotune.training import Budget, FineTune, Lora, Scoring, Train
from cotune.training.example import Example
from cotune.training.losses import weighted_losses
from cotune.training.model import LanguageModel
from cotune.training.together.adamw import AdamW, clip
from cotune.training.together.decoder import StackDecoder
from cotune.training.together.seats import Dice
from cotune.training.together.stack import Layout, stacked, start_of

ROWS = 32


def held(what: str) -> int:
    """Gives the bytes of this process: "VmHWM" at the peak, "VmRSS" now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{what}:")))


def peak(trials: int) -> None:
    """Takes two steps of `trials` adapters on 32 rows; prints what the peak adds, and the bytes of one adapter."""
    sizes = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 256}
    module = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=340, intermediate_size=512)).eval().requires_grad_(False)
    model, lora, train = LanguageModel("llama", module, tiny.make_tokenizer(), ""), Lora(rank=64, layers="all"), Train()
    start = start_of(model, lora, 0)
    layout = Layout.of(start.state)
    row = layout.row(start.state)
    packs = [[Example("a", str(index), tuple(range(5, 60)), (7, 8, 9, index, 0))] for index in range(ROWS)]
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: importing had one of its own
    before = held("VmRSS")
    with stacked(model, lora, layout, row.repeat(trials, 1)) as stack:
        stack.train(Dice(model.device, [start.generator] * trials))
        decoder, optimizer = StackDecoder(model, None, stack), AdamW(stack.table, train)
        for _ in range(2):
            logits = decoder.logits([index * trials // ROWS for index in range(ROWS)], packs)
            weighted_losses(logits, [example for pack in packs for example in pack], train).sum().backward()
            clip(stack.gradients, train.clip)
            optimizer.step(stack.table, stack.gradients, [1e-3] * trials)
        trained = [row.clone() for row in stack.table]
    print(held("VmHWM") - before, row.nbytes, len(trained))


def many(folder: str, width: int, count: int) -> None:
    """Runs `count` trials of a tiny model, ten in a batch; prints the memory after each batch."""
    tasks = (tiny.group_task(), tiny.echo_task())
    evaluate = FineTune(
        tiny.save_model(Path(folder)),
        tasks,
        targets=("group",),
        budget=Budget(steps=3),
        lora=Lora(layers="top-2"),
        train=Train(batch_examples=4, max_length=96, width=width, threads=1),
        scoring=Scoring(dev_rows=4),
    )
    names = [["group"], ["echo"], ["group", "echo"]]
    requests = [Request(Mixture.of(names[number % 3]), number) for number in range(count)]
    for start in range(0, count, 10):
        trials = list(evaluate(requests[start : start + 10]))
        if any(trial.error for trial in trials):
            raise RuntimeError(trials[0].error)
        print(held("VmRSS"), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, *arguments = sys.argv[1:]
    if what == "peak":
        peak(int(arguments[0]))
    else:
        many(arguments[0], int(arguments[1]), int(arguments[2]))
