"""The report as one self-contained HTML file that asks nothing of the network and runs no foreign script."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from cotune.reporting.balance_charts import FEW
from cotune.reporting.drawings import drawings, strips
from cotune.reporting.privacy import LIMITS, privacy_columns, privacy_lines, privacy_terms
from cotune.reporting.report import Report
from cotune.reporting.svg import short
from cotune.verdict.wording import interval, points


def render_html(report: Report) -> str:
    """Gives the page: winner and interval first, then effects, search, trials and an appendix.

    Names and messages are escaped by the template engine; a content security policy admits the page's own style and
    script alone, by their hashes.
    """
    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"points": points, "interval": interval, "short": short, "duration": duration}
    environment.filters |= {
        "privacy_columns": privacy_columns,
        "privacy_lines": privacy_lines,
        "privacy_terms": privacy_terms,
    }
    page = environment.from_string(_asset("report.html.j2")).render(
        report=report,
        verdict=report.verdict,
        privacy_limits=LIMITS,
        most_pairs=FEW,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=_policy(style, script),
        drawings={name: Markup(drawing) for name, drawing in drawings(report).items()},  # noqa: S704 - escaped there
        strips=[Markup(strip) for strip in strips(report)],  # noqa: S704 - escaped there
    )
    return page.encode("utf-8", "replace").decode()


def duration(seconds: float) -> str:
    """Gives seconds as people read them: 4.2 s, 42 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _asset(name: str) -> str:
    return files("cotune.reporting").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
