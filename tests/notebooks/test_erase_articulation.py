"""The chapter that erases, on few speakers: what must come out comes out, and what lacks is said."""

import re

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "10_erase_articulation"
SIX = ["FIN02", "FIN03", "FIN04", "RUS02", "RUS03", "RUS04"]
QUICK = {"depths": 1, "ranks": [2], "words": ["tyyli"], "draws": 2, "fit_each": 3, "test_each": 1, "device": "cpu"}
pytestmark = pytest.mark.slow


def sound(page) -> bool:
    """Whether every figure is there and no number is missing from a sentence."""
    return len(page.figures) >= page.promised and not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)


def test_damage_residual_and_verdicts(run_page, tmp_path):
    models = ["tiny-multi-fi", "logmel"]
    page = run_page(STEM, **QUICK, models=models, speakers=SIX, cache=str(tmp_path), results=str(tmp_path))
    assert sound(page)
    assert "Not shown: logmel; logmel: there is no network" in page.text
    residual = pd.read_parquet(tmp_path / "10_residual.parquet")
    own = residual[(residual["erased"] == "articulation") & ~residual["dose"].astype(bool)]
    assert own.loc[own["probe"] == "refit, training", "r"].max() <= 0.02
    damage = pd.read_parquet(tmp_path / "10_damage.parquet")
    assert set(damage["speaker"]) == set(SIX) and set(damage["model"]) == {"tiny-multi-fi"}
    assert {"KL", "error rate", "phones"} == set(damage["measure"])
    verdicts = pd.read_parquet(tmp_path / "10_verdicts.parquet").set_index("number")
    assert list(verdicts.index) == ["U1", "U2", "U3", "U4", "U5", "U6", "U7"]
    compared = pd.read_parquet(tmp_path / "10_beyond.parquet").set_index(["measure", "erased", "against"])
    assert f"{compared.loc[('KL', 'articulation', 'random'), 'mean']:+.3f}" in verdicts.loc["U1", "because"]


def test_one_speaker_without_a_model_of_his_language(run_page, tmp_path):
    convert(few_of("FIN02"), tmp_path / "corpus")
    page = run_page(
        STEM, **QUICK, corpus=f"tabular:{tmp_path / 'corpus'}", models=["tiny-ssl", "tiny-multi-ru"],
        cache=str(tmp_path), results=str(tmp_path),
    )  # fmt: skip
    assert sound(page)
    assert "Not shown: what holds for speakers in general; 1 speaker(s)" in page.text
    assert "Not shown: tiny-multi-ru; corpus" in page.text and "95 % over speakers" not in page.text
    assert "Not shown: interchange in tiny-ssl" in page.text
    assert "holds here" not in set(pd.read_parquet(tmp_path / "10_verdicts.parquet")["verdict"])


def few_of(speaker: str):
    """Six Finnish utterances of one speaker."""
    own = open_corpus("bundled").select(speaker=speaker, language="fi")
    return own.select(id=[u.id for u in own.utterances[:6]])
