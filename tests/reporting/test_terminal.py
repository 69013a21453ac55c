import io

from rich.console import Console

from cotune.reporting import Report, render_terminal
from cotune.reporting.terminal import plain


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


def test_test_scores_are_told_once_read(tested: Report, report: Report) -> None:
    assert "On test" in printed(tested)
    assert "On test" not in printed(report)


def test_markup_in_names_is_text() -> None:
    assert plain("[bold red]x[/]").plain == "[bold red]x[/]"
    assert plain("a\x1b[31mb\nc").plain == "a [31mb c"
