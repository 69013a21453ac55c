"""cotune: which of my datasets should I fine-tune this language model on together, in what proportions?"""

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.trial import Evaluate, Request, TaskResult, Trial, each

__version__ = "0.1.0"
__all__ = ["Evaluate", "Mixture", "Problem", "Request", "Task", "TaskResult", "Trial", "each"]
