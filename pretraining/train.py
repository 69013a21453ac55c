"""Trains the predictor beforehand on problems drawn from pools, and writes its weights as NumPy arrays."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from cotune.search.cells import cells, scale
from pretraining.network import Network
from pretraining.problems import Batch, draw_batch, load_pools

RATE = 2e-3
WARM = 300
"""Steps in which the learning rate rises."""
HELD_OUT = 8
"""One pool in this many is not trained on."""
FREEDOM = 4.0
"""Degrees of freedom of the Student distribution that the network predicts."""
BOUND = 8.0


def loss(network: Network, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives the mean negative log-likelihood of the values asked about (up to a constant), and their squared error."""
    known = batch.known
    values = batch.values[:, :known]
    centre, spread = scale(values)
    seen = cells(batch.parts, batch.scores[:, :known], values, batch.targets)
    place, log_scale = network(torch.from_numpy(seen), torch.from_numpy(batch.targets), known)
    standard = (batch.values[:, known:] - centre[:, None]) / spread[:, None]
    wanted = torch.from_numpy(standard.clip(-BOUND, BOUND).astype(np.float32))
    distance = (wanted - place) / log_scale.exp()
    fit = log_scale + (FREEDOM + 1) / 2 * torch.log1p(distance**2 / FREEDOM)
    return fit.mean(), ((wanted - place) ** 2).mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains for a number of steps, or of minutes, and writes weights and settings."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    paths = sorted(options.pools.glob("pool-*.npz"))
    held_out = load_pools(paths[::HELD_OUT])
    pools = load_pools([path for index, path in enumerate(paths) if index % HELD_OUT])
    rng = np.random.default_rng([options.seed, 1])
    tests = [draw_batch(held_out, np.random.default_rng([options.seed, 2, n])) for n in range(24)]
    network = Network(options.width, options.blocks)
    if options.start:
        network.load_state_dict({k: torch.from_numpy(v) for k, v in np.load(options.start).items()})
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    began, recent = time.monotonic(), list[float]()
    for step in range(options.steps):
        done = max(step / options.steps, (time.monotonic() - began) / 60 / options.minutes)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM) * (0.01 + 0.495 * (1 + np.cos(np.pi * done)))
        value, _ = loss(network, draw_batch(pools, rng))
        optimiser.zero_grad()
        value.backward()
        clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        recent.append(value.item())
        if (step + 1) % options.every == 0:
            print(_line(network, tests, step + 1, recent[-options.every :], time.monotonic() - began), flush=True)
            np.savez(options.out, **network.arrays())
    np.savez(options.out, **network.arrays())


@torch.no_grad()
def _line(network: Network, tests: Sequence[Batch], step: int, recent: Sequence[float], seconds: float) -> str:
    found = np.array([[value.item() for value in loss(network, batch)] for batch in tests]).mean(axis=0)
    held_out = f"held out {found[0]:.4f}, squared error {found[1]:.4f}"
    return f"step {step:6d}  {seconds / 60:5.1f} min  train {np.mean(recent):.4f}  {held_out}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pretraining.train", description=__doc__)
    add = parser.add_argument
    add("--pools", type=Path, required=True, help="folder that pretraining.pools wrote")
    add("--out", type=Path, required=True, help="the weights (.npz)")
    add("--start", type=Path, help="weights to go on from")
    add("--steps", type=int, default=40_000, help="gradient steps of 32 problems")
    add("--minutes", type=float, default=float("inf"), help="stop (and decay the rate) within this time")
    add("--width", type=int, default=32, help="width of a cell's state")
    add("--blocks", type=int, default=4, help="blocks of attention")
    add("--every", type=int, default=500, help="steps between lines of progress")
    add("--threads", type=int, default=1, help="processor threads")
    add("--seed", type=int, default=0, help="seed of weights and problems")
    return parser


if __name__ == "__main__":
    main()
