"""Many adapters take little more memory than what they hold, and many trials leave none behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("memory_program.py")


def output(*arguments):
    """Runs the program in a process of its own, so that its peak is its own, and gives the numbers that it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [[int(number) for number in line.split()] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_an_adapter_more_takes_its_weights_gradient_and_moments():
    (one, adapter, _), (many, _, _) = output("peak", 1)[0], output("peak", 32)[0]
    held = 4 * adapter  # weights, gradient, AdamW's two moments
    assert many - one <= 1.5 * 31 * held
    assert many - one >= 0.7 * 31 * held  # else what is measured is not the adapters


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5])
def test_500_trials_leave_no_memory_behind(tmp_path, width):
    held = [line[0] for line in output("many", tmp_path, width, 500)]
    assert len(held) == 50
    assert held[-1] <= 1.02 * held[4]
