"""The chapter on downstream results, on cheap encoders: planted tables give the verdicts that they must."""

import re

import numpy as np
import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "12_predict_downstream"
SPEAKERS = ["FIN02", "FIN03", "FIN04", "RUS02", "RUS03", "RUS04"]
MODELS = ["logmel", "logmel+1", "mfcc", "mfcc+1", "mfcc+2", "mfcc+3"]
QUICK = {"models": MODELS, "focus": "logmel", "beside": ["mfcc"], "utterances": 6, "folds": 2, "device": "cpu"}
pytestmark = pytest.mark.slow


def heads_of(table: dict[str, dict[str, float]]) -> pd.DataFrame:
    """What chapter 9 leaves, with the score of each task and model."""
    rows = [
        {"task": task, "measure": "accuracy", "model": model, "norm": norm, "variant": variant, "layer": "",
         "speaker": speaker, "score": right if (norm, variant) == ("layer", "weighted sum") else 0.0}
        for task, models in table.items()
        for model, right in models.items()
        for speaker in SPEAKERS
        for norm, variant in (("layer", "weighted sum"), ("none", "weighted sum"), ("layer", "one layer"))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_verdicts_follow_from_the_tables(run_page, tmp_path):
    families = {name: f"family {i // 2}" for i, name in enumerate(MODELS)}
    place = {"cache": str(tmp_path), "results": str(tmp_path), "speakers": SPEAKERS, "families": families}
    page = run_page(STEM, **QUICK, **place, checkpoints="")
    assert "Not shown: downstream results; chapter 9" in page.text and "Not shown: trainings" in page.text
    known = pd.read_parquet(tmp_path / "12_knowledge.parquet").groupby(["score", "model"])["r"].mean()
    # One outcome that is the articulatory score itself, one that nothing foretells.
    noise = dict(zip(MODELS, [0.5, 0.1, 0.4, 0.45, 0.15, 0.3], strict=True))
    heads = heads_of({"PR": dict(known["articulatory"]), "SID": noise})
    heads.to_parquet(tmp_path / "09_weigh_layers_by_task.parquet")
    states = pd.DataFrame(
        [
            {"training": t, "step": n, "articulatory": 0.1 * n + i, "phonetic": 0.1 * n * (-1) ** n, "PR": 0.1 * n - i}
            for i, t in enumerate(["one", "two"])
            for n in range(1, 6)
        ]
    )
    states.to_csv(tmp_path / "states.csv", index=False)
    page = run_page(STEM, **QUICK, **place, checkpoints=str(tmp_path / "states.csv"))
    assert len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
    rows = pd.read_parquet(tmp_path / "12_correlations.parquet").set_index(["outcome", "predictor"])
    assert rows.loc[("phone recognition", "articulatory"), "r"] == pytest.approx(1)
    assert rows.loc[("phone recognition", "articulatory"), "p left out"] < 0.05
    assert rows.loc[("speaker identification", "articulatory"), "p left out"] > 0.05
    verdicts = pd.read_parquet(tmp_path / "12_verdicts.parquet").set_index("number")
    assert list(verdicts.index) == ["D1", "D2", "D3", "D4"]
    assert verdicts.loc["D1", "verdict"] == "partly, for these models"
    assert "With 6 models even r = 0.80 has a 95 % interval of" in page.text and "they are of 3 families" in page.text
    # Inside either training the outcome is the articulatory score, though over both it is not.
    assert "Along the trainings, phone recognition with the articulatory score: r 1.00 over 10 states" in page.text
    steps = pd.read_parquet(tmp_path / "12_transfer.parquet")
    zero = steps[(steps["rung"] == "zero-shot") & (steps["model"] == "logmel")]
    r = zero.groupby(["trained on", "read in"])["r"].mean()
    lost = r["ru", "ru"] - r["fi", "ru"]
    assert f"fi to ru: r lost {lost:+.3f}" in verdicts.loc["D3", "because"]
    related = pd.read_parquet(tmp_path / "12_relations.parquet")
    assert set(related["model"]) == {"logmel", "mfcc"} and related["relation"].nunique() == 5
    assert np.isfinite(related["overlap"]).all()


def test_two_models_and_one_speaker_are_no_evidence(run_page, tmp_path):
    convert(open_corpus("bundled").select(speaker="FIN02"), tmp_path / "corpus")
    heads_of({"PR": {"logmel": 0.5, "mfcc": 0.6}}).to_parquet(tmp_path / "09_weigh_layers_by_task.parquet")
    place = {"corpus": f"tabular:{tmp_path / 'corpus'}", "cache": str(tmp_path), "results": str(tmp_path)}
    page = run_page(STEM, **QUICK | {"models": ["logmel", "mfcc"]}, **place, checkpoints="")
    for words in (
        "Not shown: loso_sentence, which needs a second speaker; sentence is shown instead",
        "Not shown: phone recognition; correlation: 2 models have all the numbers, but a correlation over models needs",
        "Not shown: transfer between languages under logmel; protocol 'transfer(language)'",
    ):
        assert words in page.text, page.text
    assert len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)
    assert set(pd.read_parquet(tmp_path / "12_verdicts.parquet")["verdict"]) == {"not shown"}


def test_one_sentence_each_has_no_halves_and_nothing_to_calibrate_on(run_page, tmp_path):
    few = open_corpus("bundled").select(speaker=["FIN02", "RUS02"], condition="L1", task="T3")
    convert(few, tmp_path / "corpus")
    place = {"corpus": f"tabular:{tmp_path / 'corpus'}", "cache": str(tmp_path), "results": str(tmp_path)}
    page = run_page(STEM, **QUICK | {"models": ["logmel"]}, **place, checkpoints="")
    assert "no speaker has sentences in two halves of one language" in page.text
    assert "Not shown: transfer; it needs two languages and two sentences in each" in page.text
    assert len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)
