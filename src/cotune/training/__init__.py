"""Training: fine-tunes a language model on a mixture and scores it; torch is imported when a model is first needed."""

from cotune.training.balance.choice import Balance
from cotune.training.fine_tune import Estimate, FineTune
from cotune.training.mix.choice import Mixing
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, TaskTrain, Train

__all__ = ["Balance", "Budget", "Estimate", "FineTune", "Lora", "Mixing", "Scoring", "SizePolicy", "TaskTrain", "Train"]
