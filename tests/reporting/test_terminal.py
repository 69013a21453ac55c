import io
import re

from rich.console import Console

from cotune.reporting import Report, render_terminal
from cotune.reporting.terminal import plain, shorten


def printed(report: Report, width: int = 160) -> str:
    stream = io.StringIO()
    render_terminal(report, Console(file=stream, width=width, force_terminal=False))
    return stream.getvalue()


def test_every_edge_case_prints_without_control_characters(edge: Report) -> None:
    text = printed(edge)
    assert not {sign for sign in text if not sign.isprintable()} - {"\n"}
    assert edge.verdict.sentence.split()[0] in text


def test_sentence_finalists_effects_and_cost_are_told(report: Report) -> None:
    text = printed(report)
    assert report.verdict.sentence in " ".join(text.replace("│", " ").split())
    for standing in report.verdict.standings:
        assert standing.title in text
    assert "24 fine-tunings" in text
    assert "helps" in text


HEADERS = (
    "On test (read once), with 95 % intervals",
    ["mixture", "dataset", "test"],
    ["finalist", "score", "seeds", "winner's lead"],
    ["dataset", "effect", "measured"],
    ["#", "score", "seed", "mixture", "why"],
)


def test_at_80_columns_no_header_is_cut_and_names_have_room(tested: Report) -> None:
    text = printed(tested, 80)
    assert max(map(len, text.splitlines())) <= 80
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    for header in HEADERS:
        assert (header in text) if isinstance(header, str) else (header in lines), header
    for standing in tested.verdict.standings:
        assert standing.title in text
    best = [trial for trial in tested.trials if trial.is_winner]
    assert any(trial.mixture in line for trial in best for line in text.splitlines())


def test_at_80_columns_names_are_never_squeezed(edge: Report) -> None:
    for line in printed(edge, 80).splitlines():
        assert len(line) <= 80
    headers = [line for line in printed(edge, 80).splitlines() if line.lstrip().startswith(("finalist", "#"))]
    for header in headers:
        following = header.index("score") if "finalist" in header else header.index("why")
        start = 0 if "finalist" in header else header.index("mixture")
        assert following - start >= len("all datasets")


def test_long_names_keep_their_beginning_and_their_end() -> None:
    assert shorten("a" * 60 + "b" * 60, 30) == "a" * 19 + "…" + "b" * 10
    assert shorten("short", 30) == "short"


def test_test_scores_are_told_once_read(tested: Report, report: Report) -> None:
    assert "On test" in printed(tested)
    assert "On test" not in printed(report)


def test_front_kept_datasets_and_larger_parts_are_told(edge: Report) -> None:
    text = printed(edge)
    assert ("means over seeds in points" in text) == (edge.verdict.front is not None)
    assert ("What is to be kept, in points" in text) == bool(edge.verdict.guards)
    assert ("part grows from the smallest tried" in text) == bool(edge.part_effects)


def test_markup_in_names_is_text() -> None:
    assert plain("[bold red]x[/]").plain == "[bold red]x[/]"
    assert plain("a\x1b[31mb\nc").plain == "a [31mb c"
