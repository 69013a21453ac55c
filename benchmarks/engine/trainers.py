"""Trainers of others as contestants: transformers' Trainer and TRL's SFTTrainer, one trial after the other.

They get the rows as tokens, in the order of the plan, with settings that make their work equal: no padding beyond the
batch, no checkpoints, no logging, float32 on a CPU. Every trial loads the model, as a run of its own would.
"""

import time
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from benchmarks.engine.flops import Weights
from benchmarks.engine.ours import digest
from benchmarks.engine.outcome import Outcome, Ran
from benchmarks.engine.prepared import Prepared, prepare
from benchmarks.engine.work import Work
from cotune.training.example import Example
from cotune.training.lora import targets
from cotune.training.model import DTYPES, LanguageModel

IGNORED = -100

Make = Callable[[Work, PeftModel, PreTrainedTokenizerBase, Dataset, Dataset, str], Trainer]
"""Makes a trainer from work, model, tokenizer, train rows, dev rows and a folder for its use."""


class FirstStep(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Takes down when the first step had ended."""

    at = 0.0

    def on_step_end(self, *_: object, **__: object) -> None:
        """Takes down the time of the first call."""
        if not self.at and torch.cuda.is_available():
            torch.cuda.synchronize()
        self.at = self.at or time.perf_counter()


def run(work: Work, places: Sequence[int], make: Make) -> Outcome:
    """Runs the requests at `places`; their rows are made ready before the clock starts."""
    if work.threads is not None:
        torch.set_num_threads(work.threads)
    tokenizer = AutoTokenizer.from_pretrained(work.model)
    rows = prepare(work, tokenizer)
    started = time.perf_counter()
    ran = [_trial(work, rows, place, make, tokenizer) for place in places]
    seconds = time.perf_counter() - started
    is_cuda = work.device.startswith("cuda")
    where = torch.cuda.get_device_name() if is_cuda else f"{work.device} ({torch.get_num_threads()} threads)"
    return Outcome(tuple(ran), seconds, where, _flops(work, rows, places, tokenizer))


def transformers_trainer(
    work: Work, model: PeftModel, tokenizer: PreTrainedTokenizerBase, train: Dataset, dev: Dataset, folder: str
) -> Trainer:
    """Gives transformers' Trainer; labels are padded by its own collator."""
    return Trainer(
        model,
        TrainingArguments(folder, **common(work)),
        train_dataset=train,
        eval_dataset=dev,
        data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=IGNORED),
        processing_class=tokenizer,
    )


def common(work: Work) -> dict[str, Any]:
    """Gives the settings of a Trainer that are the work's, and those that switch off what is not asked for."""
    return {
        "per_device_train_batch_size": work.batch,
        "per_device_eval_batch_size": work.batch,
        "max_steps": work.steps,
        "learning_rate": work.lr,
        "lr_scheduler_type": work.train.schedule,
        "warmup_steps": 0,
        "weight_decay": work.train.weight_decay,
        "max_grad_norm": work.train.clip,
        "train_sampling_strategy": "sequential",
        "seed": work.seed,
        "bf16": False,
        "use_cpu": work.device == "cpu",
        "dataloader_pin_memory": work.device != "cpu",
        "prediction_loss_only": True,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _trial(work: Work, rows: Prepared, place: int, make: Make, tokenizer: PreTrainedTokenizerBase) -> Ran:
    begun, mark = time.perf_counter(), FirstStep()
    model = _model(work)
    start = get_peft_model_state_dict(model, save_embedding_layers=False)
    start = {name: weight.detach().cpu().clone() for name, weight in start.items()}
    with TemporaryDirectory() as folder:
        trainer = make(work, model, tokenizer, _dataset(rows.train[place]), _dataset(rows.dev), folder)
        trainer.add_callback(mark)
        trainer.train()
        trained = time.perf_counter()
        loss = float(trainer.evaluate()["eval_loss"])
    ended = time.perf_counter()
    return Ran(
        place,
        ended - begun,
        trained - begun,
        mark.at - begun,
        sum(row.tokens for row in rows.train[place]),
        sum(row.tokens for row in rows.dev),
        loss,
        digest(start),
    )


def _model(work: Work) -> PeftModel:
    module = _base(work)
    names = targets(LanguageModel(work.model, module, None, ""), work.lora)  # type: ignore[arg-type]
    config = LoraConfig(
        r=work.lora.rank, lora_alpha=work.lora.alpha, lora_dropout=0.0, target_modules=names, task_type="CAUSAL_LM"
    )
    torch.manual_seed(work.seed)
    return get_peft_model(module, config)


def _base(work: Work) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(work.model, dtype=DTYPES[work.dtype]).to(work.device)


def _dataset(rows: Sequence[Example]) -> Dataset:
    labels = [[IGNORED] * len(row.prompt) + list(row.answer) for row in rows]
    ids = [list(row.ids) for row in rows]
    return Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids], "labels": labels})


def _flops(work: Work, rows: Prepared, places: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> float:
    model = LanguageModel(work.model, _base(work).requires_grad_(False), tokenizer, "")
    trained = [row for place in places for row in rows.train[place]]
    return Weights.of(model, work.lora).flops(
        trained=sum(row.tokens for row in trained),
        scored=len(places) * sum(row.tokens for row in rows.dev),
        trained_answers=sum(len(row.answer) for row in trained),
        scored_answers=len(places) * sum(len(row.answer) for row in rows.dev),
        cut=False,
    )
