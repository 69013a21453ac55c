"""The project holds its own rules: layers, style, types, a light import, no traces of a machine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_checker_is_content(command):
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_hold_every_room():
    rooms = {f"cotune.{path.stem}" for path in (ROOT / "src" / "cotune").glob("[!_]*") if path.suffix in ("", ".py")}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers, torch_free = contracts
    assert {room for layer in layers["layers"] for room in layer.split(" | ")} == rooms
    assert {*torch_free["source_modules"], "cotune.training"} == rooms


def test_import_is_light():
    heavy = "[m for m in ('torch', 'transformers', 'peft', 'datasets', 'scipy', 'sklearn') if m in sys.modules]"
    assert run(sys.executable, "-c", f"import sys, cotune; print({heavy})").stdout.strip() == "[]"
    timed = "import time; began = time.process_time(); import cotune; print(time.process_time() - began)"
    seconds = [float(run(sys.executable, "-c", timed).stdout) for _ in range(6)]  # others may be at work
    assert min(seconds) < 0.3


def test_no_file_is_two_rooms():
    long = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_no_path_of_a_machine_is_committed():
    listing = run("git", "ls-files", "-z")
    if listing.returncode:
        pytest.skip("not a git clone")
    traces = re.compile(r"/(?:wor" + "k|ro" + r"ot|tm" + r"p/w)/|bash" + "_jobs")
    files = [ROOT / name for name in listing.stdout.split("\0") if name]
    text = {path: path.read_bytes().decode("utf-8", "ignore") for path in files if path.is_file()}
    assert [str(path.relative_to(ROOT)) for path, content in text.items() if traces.search(content)] == []
