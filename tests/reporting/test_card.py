from typing import Any

import pytest
import yaml

from cotune.mixture import Mixture
from cotune.reporting import Artefact, FinalScore, Report, model_card
from cotune.trial import Exposure

MIXTURE = Mixture.of("ab")


def artefact(report: Report, **changes: Any) -> Artefact:
    texts = {"name": "tiny", "label": "a + b", "base_model": "org/model", "budget": "12,000 tokens", **changes}
    exposure = {"a": Exposure(6000, 60, 1.2), "b": Exposure(6000, 50, 0.8)}
    return Artefact(mixture=MIXTURE, exposure=exposure, seed=3, versions={"torch": "2.13"}, **texts)


def head(card: str) -> dict[str, object]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def test_the_head_is_what_the_hub_reads(tested: Report) -> None:
    found = head(model_card(tested, artefact(tested)))
    assert found["base_model"] == "org/model"
    assert found["base_model_relation"] == "adapter"
    assert found["library_name"] == "peft"
    assert found["datasets"] == ["a", "b"]
    assert found["model-index"] == [
        {
            "name": "tiny",
            "results": [
                {
                    "task": {"type": "token-classification"},
                    "dataset": {"name": "a", "type": "a", "split": "test"},
                    "metrics": [{"type": "entity_f1", "name": "entity_f1", "value": round(tested.test[0].score, 4)}],
                }
            ],
        }
    ]


def test_the_hub_s_own_reader_takes_it(tested: Report) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(model_card(tested, artefact(tested))).data
    assert data.eval_results[0].metric_value == round(tested.test[0].score, 4)
    assert data.base_model == "org/model"


@pytest.mark.parametrize("name", ["a: b # c", "'\"{[", "---\nx: 1", "no", "<script>alert(1)</script> | x"])
def test_any_name_survives_the_head_and_stays_text_in_the_body(tested: Report, name: str) -> None:
    card = model_card(tested, artefact(tested, name=name, base_model=name))
    start, rest = card.split("---\n", 1)
    assert start == ""
    end = rest.index("\n---\n\n# ")
    assert yaml.safe_load(rest[:end])["base_model"] == name
    assert "<script>" not in rest[end:].replace("\\<", "&lt;")


def test_a_merged_adapter_is_told_as_one(tested: Report) -> None:
    plain = model_card(tested, artefact(tested))
    merged = model_card(tested, artefact(tested, merging="average in 3 turns"))
    assert "An adapter for org/model, fine-tuned on a mixture of datasets that cotune chose" in plain
    assert "merged (average in 3 turns) out of one for each dataset of a mixture of datasets that" in merged


def test_mixture_scores_training_and_caveats_are_told(tested: Report) -> None:
    card = model_card(tested, artefact(tested))
    assert "| a | 1 | 50.0% | 6,000 | 1.20 | MIT |" in card
    assert "| budget | 12,000 tokens |" in card
    assert "| seed | 3 |" in card
    assert "| torch | 2.13 |" in card
    assert "On test, read once after the search" in card
    assert "ffffffffffffffff" in card


def test_without_a_test_score_the_card_says_so(report: Report) -> None:
    card = model_card(report, artefact(report))
    assert "model-index" not in head(card)
    assert "No test score" in card


def test_every_edge_case_has_a_card(edge: Report) -> None:
    assert head(model_card(edge, artefact(edge)))["datasets"] == ["a", "b"]


def test_a_mixture_of_the_user_s_choice_is_told_by_its_own_scores_alone(tested: Report) -> None:
    dev = (FinalScore("a + b", "a", 0.5, 0.4, 0.6), FinalScore("a + b", "b", 0.25))
    card = model_card(tested, artefact(tested, chosen_by="user", dev=dev))
    assert "that its user chose" in card
    assert "| a | 50.0 | \\[40.0, 60.0\\] |" in card
    assert "| b | 25.0 |  |" in card
    for untrue in ("cotune chose", tested.verdict.sentence, "On test", "target only", "| search |", *tested.warnings):
        assert untrue not in card
    (model,) = head(card)["model-index"]  # type: ignore[misc]
    assert [(line["dataset"]["split"], line["metrics"][0]["value"]) for line in model["results"]] == [
        ("dev", 0.5),
        ("dev", 0.25),
    ]


def test_full_weights_are_no_adapter(tested: Report) -> None:
    card = model_card(tested, artefact(tested, method="full"))
    found = head(card)
    assert found["base_model_relation"] == "finetune"
    assert found["library_name"] == "transformers"
    assert "lora" not in found["tags"]  # type: ignore[operator]
    assert "adapter" not in card.replace("adapter\\_", "")
