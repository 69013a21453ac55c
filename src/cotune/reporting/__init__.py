"""Reports: what a study found, for the terminal, the browser and the model card."""

from cotune.reporting.build import build_report
from cotune.reporting.card import Artefact, model_card
from cotune.reporting.html import render_html
from cotune.reporting.logged import entry_scores, final_entry
from cotune.reporting.report import FinalScore, Report
from cotune.reporting.terminal import render_terminal

__all__ = [
    "Artefact",
    "FinalScore",
    "Report",
    "build_report",
    "entry_scores",
    "final_entry",
    "model_card",
    "render_html",
    "render_terminal",
]
