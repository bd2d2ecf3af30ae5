"""The chapter that erases, on few speakers: what must come out comes out, and what lacks is said."""

import re
from pathlib import Path

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "10_erase_articulation"
SIX = ["FIN02", "FIN03", "FIN04", "RUS02", "RUS03", "RUS04"]
QUICK = {"depths": 1, "ranks": [2], "words": ["tyyli"], "draws": 2, "fit_each": 3, "test_each": 1, "device": "cpu"}
SHARED = Path(__file__).parents[3] / "shared"
RECORDINGS = SHARED / "recordings" / "ag501-ascii-artpros"
WHISPER = SHARED / "weights" / "whisper-tiny.en-encoder"
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
        STEM, **QUICK | {"fit_each": 6}, corpus=f"tabular:{tmp_path / 'corpus'}", models=["tiny-ssl", "tiny-multi-ru"],
        cache=str(tmp_path), results=str(tmp_path),
    )  # fmt: skip
    assert sound(page)
    assert "Not shown: what holds for speakers in general; 1 speaker(s)" in page.text
    assert "Not shown: tiny-multi-ru; corpus" in page.text and "95 % over speakers" not in page.text
    assert "Not shown: interchange in tiny-ssl" in page.text
    verdicts = pd.read_parquet(tmp_path / "10_verdicts.parquet").set_index("number")
    assert not {"holds here", "fails here", "partly"} & set(verdicts["verdict"])
    assert "too few speakers for an interval" in verdicts.loc["U4", "because"]  # recordings are no speakers


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the artpros recordings are not beside the project")
@pytest.mark.skipif(not WHISPER.is_dir(), reason="the Whisper weights are not beside the project")
def test_whisper_without_its_decoder_is_judged_by_phones_and_units(run_page, tmp_path):
    few = {"depths": 1, "ranks": [], "draws": 1, "folds": 2, "fit_each": 3, "units": 30, "device": "cpu"}
    place = {"corpus": f"artpros:{RECORDINGS}", "cache": str(tmp_path), "results": str(tmp_path)}
    page = run_page(STEM, **few, **place, models=[str(WHISPER)])
    assert sound(page)
    assert f"Not shown: what {WHISPER.name} itself does; its weights come without a head" in page.text
    damage = pd.read_parquet(tmp_path / "10_damage.parquet")
    assert set(damage["measure"]) == {"phones", "units"}
    assert set(damage.loc[damage["measure"] == "phones", "read_at"]) == {"1", "2", "3", "4", "final"}
    residual = pd.read_parquet(tmp_path / "10_residual.parquet")
    left = residual.groupby(["erased", "probe"])["r"].mean()
    assert left["articulation", "refit, training"] <= 0.02
    # From a few recordings a subspace of 384 dimensions is found roughly: something is left in others, and said.
    assert left["articulation", "refit, held out"] < 0.6 * left["nothing", "refit, held out"]
    assert f"{left['articulation', 'refit, held out']:.3f} (too few speakers for an interval) in others" in page.text


def few_of(speaker: str):
    """Six Finnish utterances of one speaker."""
    own = open_corpus("bundled").select(speaker=speaker, language="fi")
    return own.select(id=[u.id for u in own.utterances[:6]])
