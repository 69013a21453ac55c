"""A check says which gold answers do not read back from their text, and is silent where all do."""

import json

import pytest

TITLE = "Gold answers that do not read back"


@pytest.fixture
def genes(place):
    """A pool of two sets of entities; `genes` marks only the second of two equal names in four train rows."""
    for name, lost in (("genes", 4), ("clean", 0)):
        (place / "data" / name).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            rows = []
            for n in range(8):
                start = 12 if split == "train" and n < lost else 0
                spans = [{"start": start, "end": start + 3, "type": "Gene"}]
                text = f"p53 without p53 {split} {'abcdefgh'[n]}"
                rows.append({"id": f"{split}-{n}", "text": text, "spans": spans})
            (place / "data" / name / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "study.yaml").write_text(
        "evaluate: own_trainer:evaluate\ntargets: [genes]\n"
        "datasets:\n  - {name: genes, path: data/genes}\n  - {name: clean, path: data/clean}\n"
    )
    return place


def test_a_check_counts_lost_rows_and_names_the_first(genes, cotune):
    done = cotune("check", "study.yaml")
    assert done.code == 0, done.err
    lines = done.out.split(TITLE)[1].splitlines()[1:]
    assert lines[0] == "  genes: 4 of 24 rows, as train-0, train-1, train-2"
    assert not any(line.startswith("  clean: ") for line in lines)
    found = json.loads(cotune("check", "study.yaml", "--json").out)
    assert [(one["lost"], one["first_lost"]) for one in found["datasets"]] == [
        (4, ["train-0", "train-1", "train-2"]),
        (0, []),
    ]


def test_a_check_is_silent_where_all_answers_come_back(genes, cotune):
    (genes / "study.yaml").write_text(
        "evaluate: own_trainer:evaluate\ntargets: [clean]\ndatasets: [{name: clean, path: data/clean}]\n"
    )
    assert TITLE not in cotune("check", "study.yaml").out
