"""Training: fine-tunes a language model on a mixture and scores it; torch is imported when a model is first needed."""

from cotune.training.balance.choice import Balance
from cotune.training.curriculum.choice import Curriculum
from cotune.training.curriculum.written import Stage
from cotune.training.fine_tune import Estimate, FineTune
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train
from cotune.training.task_train import TaskTrain

__all__ = [
    "Balance",
    "Budget",
    "Curriculum",
    "Estimate",
    "FineTune",
    "Lora",
    "Scoring",
    "SizePolicy",
    "Stage",
    "TaskTrain",
    "Train",
]
