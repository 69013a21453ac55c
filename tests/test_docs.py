"""The documentation says what the code does: keys with their defaults, metrics, commands, links, study files."""

import re
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

from cotune import Problem, Task, each
from cotune.cli.app import COMMANDS
from cotune.config import StudyConfig, load_config
from cotune.config.model import Limits, Search
from cotune.config.names import SAMPLERS
from cotune.strict_yaml import parse_yaml
from cotune.task import Row
from cotune.tasks import METRICS
from cotune.tasks.spec import KINDS, DatasetSpec
from cotune.training import Balance, Budget, Curriculum, Lora, Merging, Mixing, Scoring, SizePolicy, TaskTrain, Train
from cotune.training.balance.choice import EQUAL, PLACES
from cotune.training.curriculum import choice as curricula
from cotune.training.loss.choice import OPTIONS as LOSS_OPTIONS
from cotune.training.merge import choice as mergers
from cotune.training.mix.choice import FIXED, MIXINGS

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LEAST = "targets: [a]\ndatasets: [a]\n"
SECTIONS = {
    "budget": StudyConfig.model_fields["budget"].default,
    "size_policy": SizePolicy(),
    "lora": Lora(),
    "train": Train(),
    "train.overrides.NAME": TaskTrain(),
    "train.balancer": Balance(),
    "train.mixing": Mixing(),
    "train.curriculum": Curriculum(),
    "train.merging": Merging(),
    "scoring": Scoring(),
    "search": Search(),
    "limits": Limits(),
    "datasets": DatasetSpec("a", "a"),
}


def table(title: str) -> dict[str, str]:
    """Gives key and default of each row of the table under a heading that begins with `title`."""
    _, _, rest = GUIDE.partition(f"\n### {title}")
    assert rest, f"the guide has no heading {title!r}"
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", re.split(r"\n##", rest)[0], re.M)
    return dict(rows)


def defaults(section: object) -> dict[str, object]:
    """Gives the default of each key, tuples as lists; what is required has none."""
    if not is_dataclass(section):
        return dict(section)  # pydantic yields its fields
    required = {item.name for item in fields(section) if item.default is item.default_factory is MISSING}
    return {item.name: getattr(section, item.name) for item in fields(section) if item.name not in required}


@pytest.mark.parametrize("section", SECTIONS)
def test_guide_has_every_key_of_a_section_with_its_default(section):
    said, true = table(f"`{section}`"), defaults(SECTIONS[section])
    for key, value in true.items():
        plain = value.name if isinstance(value, Balance | Curriculum | Merging | Mixing) else value  # its short form
        shown = parse_yaml(said[key].strip("`")).value
        assert shown == (list(plain) if isinstance(plain, tuple) else plain), key
    rest = {key for key in said if key not in true}
    assert {said[key] for key in rest} <= {"required"}
    assert len(said) == len(true) + len(rest)


def test_guide_has_every_key_of_a_study_with_its_default(tmp_path):
    said = table("Top level")
    assert list(said) == list(StudyConfig.model_fields)
    plain = load(tmp_path, LEAST)
    for key, shown in said.items():
        if shown.startswith("`"):
            told = load(tmp_path, f"{LEAST}{key}: {shown.strip('`')}\n")
            assert getattr(told, key) == getattr(plain, key), key
        else:
            assert shown in ("required", "below", "the file's name")


@pytest.mark.parametrize("number", range(len(re.findall("```yaml", GUIDE))))
def test_study_files_in_the_guide_load(tmp_path, number):
    load(tmp_path, re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)[number])


def test_cross_validation_in_the_guide_runs(capsys):
    rows = tuple(Row(str(n), {"text": f"{chr(97 + n)}{chr(98 + n)}"}, "x") for n in range(10))
    problem = Problem([Task("a", "classification", {"train": rows})], targets=["a"])
    (code,) = (found for found in re.findall(r"```python\n(.*?)```", GUIDE, re.S) if "cross_validate" in found)

    def fine_tune(model, tasks, *, targets, budget):
        return each(lambda request: {targets[0]: len(tasks[0].rows["dev"]) / 10})

    exec(compile(code, "guide.md", "exec"), {"problem": problem, "FineTune": fine_tune, "Budget": Budget})
    assert capsys.readouterr().out == "a (0.2, 0.2, 0.2, 0.2, 0.2) 0.2 0.0\n"


def load(folder: Path, text: str) -> StudyConfig:
    """Reads a study file of that text."""
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def test_guide_has_every_command_and_sampler():
    commands = [command.__name__ for command in COMMANDS]
    assert [name for name in [*commands, "pool show"] if f"`cotune {name}" not in GUIDE] == []
    assert [name for name in SAMPLERS if f"`{name}`" not in GUIDE] == []
    assert [name for name in (EQUAL, *PLACES, FIXED, *MIXINGS) if f"`{name}`" not in GUIDE] == []


CHOSEN = {
    "Balancers": (EQUAL, {name: f"cotune.training.balance.{place}" for name, place in PLACES.items()}),
    "Mixings": (FIXED, MIXINGS),
    "Curricula": (None, {name: f"cotune.training.curriculum.{place}" for name, place in curricula.PLACES.items()}),
    "Mergers": (None, {name: f"cotune.training.merge.{place}" for name, place in mergers.PLACES.items()}),
}
"""What is chosen by name: which name stands for nothing, and module and class of each other one."""


def options_in(title: str) -> dict[str, str]:
    """Gives name and options, as written, of each row of the guide's table under a heading."""
    rows = re.findall(
        r"^\| (`.+?`) \| (.*?) ?\| .+ \|$", re.split(r"\n##", GUIDE.partition(f"\n### {title}\n")[2])[0], re.M
    )
    return {name: cell for names, cell in rows for name in re.findall(r"`(\w+)`", names)}


def said_in(cell: str) -> dict[str, object]:
    """Gives each option of a cell with its default: "`tau` 5, `mode` fast (slow)"."""
    found = re.findall(r"`(\w+)` ([^\s,(]+)", cell)
    assert len(found) == len(re.findall(r"`\w+`", cell)), cell
    return {key: parse_yaml(value).value for key, value in found}


@pytest.mark.parametrize("title", CHOSEN)
def test_guide_has_every_option_with_its_default(title):
    """And the other words that an option takes are taken."""
    none, places = CHOSEN[title]
    table = options_in(title)
    assert set(table) == {*places, *([none] if none else [])}
    for name, place in places.items():
        module, _, attribute = place.partition(":")
        kind = vars(import_module(module))[attribute]
        true = {each.name: getattr(kind(), each.name) for each in fields(kind)}
        said = said_in(table[name])
        assert said == {key: list(value) if isinstance(value, tuple) else value for key, value in true.items()}, name
        assert {key: isinstance(value, bool) for key, value in said.items()} == {
            key: isinstance(value, bool) for key, value in true.items()
        }
        for key, words in re.findall(r"`(\w+)` \w+ \((\w+(?:, \w+)*)\)", table[name]):
            assert [kind(**{key: word}) for word in words.split(", ")]


def test_guide_has_every_option_of_a_loss_with_its_default():
    table = options_in("Losses")
    assert set(table) == set(LOSS_OPTIONS)
    for name, options in LOSS_OPTIONS.items():
        assert dict(re.findall(r"`(\w+)` ([\d.]+)", table[name])) == {
            key: f"{value:g}" for key, value in options.items()
        }


def test_tasks_page_has_every_metric_and_kind():
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"| `{name}` |" not in page] == []
    assert [kind for kind in KINDS if f"\n| {kind}" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Gives the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_engine_page_has_every_hook_with_code_and_tests_that_exist():
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (H\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", page, re.M)
    assert [hook for hook, _, _ in rows] == [f"H{number}" for number in range(1, 15)]
    for hook, places, tests in rows:
        files, named = re.findall(r"`([\w/]+\.py)`", places), re.findall(r"`([\w/]+\.py)::(test_\w+)`", tests)
        assert 0 < 2 * len(files) == places.count("`"), hook
        assert 0 < 2 * len(named) == tests.count("`"), hook
        assert [file for file in files if not (ROOT / "src" / "cotune" / file).is_file()] == []
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (hook, test)
