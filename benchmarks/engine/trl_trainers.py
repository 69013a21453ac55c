"""TRL's SFTTrainer as a contestant, with padding and with its own packing.

Its packing is its `padding_free`: the rows of a batch in one sequence. `packing=True` fills sequences of a set length
with other rows than those of the plan's batches, so its steps would not be equal work.
"""

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, Trainer
from trl import SFTConfig, SFTTrainer

from benchmarks.engine.trainers import common
from benchmarks.engine.work import Work


def padded(
    work: Work, model: PeftModel, tokenizer: PreTrainedTokenizerBase, train: Dataset, dev: Dataset, folder: str
) -> Trainer:
    """Gives an SFTTrainer that pads a batch to its longest row."""
    return _trainer(work, model, tokenizer, train, dev, folder, padding_free=False)


def packed(
    work: Work, model: PeftModel, tokenizer: PreTrainedTokenizerBase, train: Dataset, dev: Dataset, folder: str
) -> Trainer:
    """Gives an SFTTrainer that lays the rows of a batch end to end."""
    return _trainer(work, model, tokenizer, train, dev, folder, padding_free=True)


def _trainer(
    work: Work,
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Dataset,
    dev: Dataset,
    folder: str,
    *,
    padding_free: bool,
) -> Trainer:
    config = SFTConfig(folder, max_length=None, padding_free=padding_free, gradient_checkpointing=False, **common(work))
    plain = [rows.remove_columns("attention_mask") for rows in (train, dev)]
    return SFTTrainer(model, config, train_dataset=plain[0], eval_dataset=plain[1], processing_class=tokenizer)
