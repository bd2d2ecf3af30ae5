"""The bundled speech–text models are what their cards and recipes say."""

import json

import numpy as np
import pytest
import torch

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.encoders.bundled import models_folder
from articulens.errors import ArticulensError
from articulens.files import sha256_file
from articulens.speechlm import Lens, interleave, load_codebook, open_speech_lm
from articulens.speechlm.bundled import BUNDLED_LMS, bundled_lm_folder
from articulens.speechlm.cards import lm_card
from articulens.speechlm.listening import listen
from articulens.speechlm.material import make_vocabulary
from articulens.speechlm.recipes import load_recipe

NAMES = list(BUNDLED_LMS)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_those_of_the_card_and_the_recipe(name):
    folder = bundled_lm_folder(name)
    facts = json.loads((folder / "training.json").read_text("utf-8"))
    assert facts["sha256"] == {"model.safetensors": sha256_file(folder / "model.safetensors")}
    assert facts["recipe"] == load_recipe(name).to_dict()
    assert (folder / "README.md").read_text("utf-8") == lm_card(facts)
    assert facts["curve"][-1]["step"] == facts["recipe"]["steps"]
    if facts["base"]:
        assert facts["base"]["sha256"] == sha256_file(bundled_lm_folder(facts["base"]["name"]) / "model.safetensors")


def test_together_they_are_small_and_share_units_and_words():
    folders = [bundled_lm_folder(name) for name in NAMES]
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) < 5e6
    assert len({sha256_file(folder / "codebook.safetensors") for folder in folders}) == 1
    assert len({sha256_file(folder / "tokenizer.json") for folder in folders}) == 1
    lm = open_speech_lm(str(folders[0]), device="cpu")
    assert lm.vocabulary.tokenizer.get_vocab() == make_vocabulary(100).tokenizer.get_vocab()


def test_they_hear_the_corpus_and_the_last_layer_is_what_they_say():
    folder = bundled_lm_folder(NAMES[0])
    lm, codebook = open_speech_lm(str(folder), device="cpu"), load_codebook(folder)
    corpus = open_corpus("bundled")
    corpus = corpus.select(id=[corpus.utterances[0].id])
    encoder = open_encoder(codebook.card["encoder"], layers=[codebook.layer], device="cpu")
    [spoken] = listen(corpus, encoder, codebook)
    tokens = interleave(spoken, lm.vocabulary)
    last = Lens(lm, layers=["6"]).logits(tokens)["6"]
    np.testing.assert_allclose(last, lm.logits(torch.from_numpy(tokens.ids)[None])[0], atol=1e-5)


def test_models_heard_what_they_should():
    facts = {name: json.loads((models_folder() / name / "training.json").read_text("utf-8")) for name in NAMES}
    losses = {name: told["curve"][-1] for name, told in facts.items()}
    assert losses["tiny-lm-speech"]["units in speech"] < losses["tiny-lm-text"]["units in speech"] - 2
    assert losses["tiny-lm-text"]["text in text"] < losses["tiny-lm-speech"]["text in text"] - 2
    assert losses["tiny-lm-interleaved"]["text in interleaved"] < losses["tiny-lm-text"]["text in interleaved"]
    after = {
        (name, row["context"]): (row["low"], row["high"]) for name in NAMES for row in facts[name]["held_out"]["text"]
    }
    own = after["tiny-lm-interleaved", "speech"][1]  # the upper end
    assert own < after["tiny-lm-speech", "speech"][0]
    assert own < after["tiny-lm-interleaved", "other speech"][0]


def test_other_names_and_weights_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ArticulensError, match="no bundled speech–text model 'tiny-lm-txt'"):
        bundled_lm_folder("tiny-lm-txt")
    monkeypatch.setenv("ARTICULENS_DATA", str(tmp_path))
    with pytest.raises(ArticulensError, match="is not there"):
        bundled_lm_folder(NAMES[0])
    (tmp_path / "models" / NAMES[0]).mkdir(parents=True)
    (tmp_path / "models" / NAMES[0] / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ArticulensError, match="damaged or were changed"):
        bundled_lm_folder(NAMES[0])
