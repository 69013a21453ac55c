"""cotune: which of my datasets should I fine-tune this language model on together, in what proportions?"""

from importlib import import_module
from typing import TYPE_CHECKING

from cotune.mixture import Mixture
from cotune.problem import Problem
from cotune.task import Task
from cotune.trial import Evaluate, Request, TaskResult, Trial, each

if TYPE_CHECKING:
    from cotune.study import Study as Study
    from cotune.tasks import load_tasks as load_tasks
    from cotune.verdict import Verdict as Verdict
    from cotune.verdict import judge as judge

__version__ = "0.1.0"
__all__ = [
    "Evaluate",
    "Mixture",
    "Problem",
    "Request",
    "Study",
    "Task",
    "TaskResult",
    "Trial",
    "Verdict",
    "each",
    "judge",
    "load_tasks",
]

_LATE = {"Study": "cotune.study", "Verdict": "cotune.verdict", "judge": "cotune.verdict", "load_tasks": "cotune.tasks"}


def __getattr__(name: str) -> object:
    """Gives the names that cost more to import when they are first asked for: `import cotune` stays light."""
    if name not in _LATE:
        raise AttributeError(f"module 'cotune' has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
