from __future__ import annotations

from har_core.models.catalogue import describe, list_models
from har_core.report.families import by_family


def test_every_model_has_one_family() -> None:
    names = [*list_models(), "cnn-int8", "vote", "of_another_version"]
    found = by_family(names, ["vote"])
    assert sorted(name for models in found.values() for name in models) == sorted(names)
    assert found["compressed"] == {"cnn-int8": "CNN, int8"}
    assert [*found["ensembles"]] == ["vote"]
    assert [*found["others"]] == ["of_another_version"]
    assert found["recurrent"]["lstm"] == "LSTM"
    assert "extra_trees" in found["classical"]
    assert "vit" in found["attention"]


def test_a_family_without_models_is_not_named() -> None:
    assert [*by_family(["cnn", "lda", "cnn"], [])] == ["classical", "convolutional"]


def test_recurrent_layers_count_before_others() -> None:
    assert describe("deepconvlstm").family == "recurrent"
    assert describe("deepconvlstm").is_recurrent
    assert not describe("vit").is_recurrent
