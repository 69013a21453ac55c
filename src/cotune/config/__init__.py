"""Configuration: from study.yaml and the command line to objects; the only place where names become things."""

from cotune.config.build import FineTuning, OwnEvaluation, build_problem, build_sampler, evaluation
from cotune.config.load import load_config, load_targets
from cotune.config.model import StudyConfig
from cotune.config.pool import without_leaks

__all__ = [
    "FineTuning",
    "OwnEvaluation",
    "StudyConfig",
    "build_problem",
    "build_sampler",
    "evaluation",
    "load_config",
    "load_targets",
    "without_leaks",
]
