"""Training: fine-tunes a language model on a mixture and scores it; torch is imported when a model is first needed."""

import logging

from cotune.training.balance.choice import Balance
from cotune.training.curriculum.choice import Curriculum
from cotune.training.curriculum.written import Stage
from cotune.training.fine_tune import Estimate, FineTune
from cotune.training.merge.choice import Merging
from cotune.training.mix.choice import Mixing
from cotune.training.settings import Budget, Lora, Scoring, SizePolicy, Train
from cotune.training.task_train import TaskTrain

__all__ = [
    "Balance",
    "Budget",
    "Curriculum",
    "Estimate",
    "FineTune",
    "Lora",
    "Merging",
    "Mixing",
    "Scoring",
    "SizePolicy",
    "Stage",
    "TaskTrain",
    "Train",
]

# peft imports bitsandbytes where it is installed, which on some processors recommends another package
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
