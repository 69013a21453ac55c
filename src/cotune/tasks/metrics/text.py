"""Agreement of free text: exact match, token F1, ROUGE-L."""

import re
import string
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from cotune.tally import Tallies, Tally
from cotune.task import Answer
from cotune.tasks.kinds.items import text_answer

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_SIGNS = str.maketrans("", "", string.punctuation)


def exact_match(gold: Answer, predicted: Answer) -> Tallies:
    """Gives 1 if the answers are equal, else 0; texts are compared in plain form (see `plain_text`)."""
    if isinstance(gold, str) and isinstance(predicted, str):
        return (Tally("", float(plain_text(gold) == plain_text(predicted)), 1),)
    return (Tally("", float(gold == predicted), 1),)


def token_f1(gold: Answer, predicted: Answer) -> Tallies:
    """Gives the F1 of the two bags of words in plain form; the score is its mean over rows.

    Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016.
    """
    wanted, found = plain_text(text_answer(gold)).split(), plain_text(text_answer(predicted)).split()
    if not wanted or not found:
        return (Tally("", float(wanted == found), 1),)
    common = sum((Counter(wanted) & Counter(found)).values())
    return (Tally("", 2 * common / (len(wanted) + len(found)), 1),)


def rouge_l(gold: Answer, predicted: Answer) -> Tallies:
    """Gives the ROUGE-L F-measure, with stemming; the score is its mean over rows.

    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, as the rouge-score package computes it.
    """
    scores = _scorer().score(text_answer(gold), text_answer(predicted))
    return (Tally("", float(scores["rougeL"].fmeasure), 1),)


def malformed_text(_: Answer) -> Tallies:
    """Gives 0 of 1, whatever the gold answer."""
    return (Tally("", 0, 1),)


def plain_text(text: str) -> str:
    """Gives `text` in lower case without punctuation, English articles and extra spaces (as SQuAD's script does)."""
    words = re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_SIGNS))
    return " ".join(words.split())


@cache
def _scorer() -> "RougeScorer":
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise ModuleNotFoundError("Metric 'rouge_l' needs the package rouge-score: pip install rouge-score") from None
    return RougeScorer(["rougeL"], use_stemmer=True)
