"""The models in ``data/models``: they are those of the table, and damage is noticed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModel

from articulens.encoders import MODELS, open_encoder
from articulens.encoders.bundled import models_folder
from articulens.errors import ArticulensError
from articulens.files import sha256_file

NAMES = [model.name for model in MODELS if model.sha256 is not None]
SPEAKERS = ("tiny-ecapa", "tiny-ecapa-dino")
AUDIO = np.random.default_rng(0).normal(size=16_000).astype(np.float32)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SPEAKERS])
def test_open_encoder_and_transformers_give_the_same_states(name):
    folder = models_folder() / name
    encoder = open_encoder(name, device="cpu")
    assert (encoder.name, encoder.do_normalize) == (name, True)
    assert encoder.layers == ("0", "1", "2", "3", "4", "5", "final")
    states = encoder.encode(AUDIO, 16_000)
    network = AutoModel.from_pretrained(folder).eval()
    wave = torch.from_numpy((AUDIO - AUDIO.mean()) / AUDIO.std())
    with torch.inference_mode():
        plain = network(wave[None], output_hidden_states=True)
    for layer in range(5):
        torch.testing.assert_close(states[str(layer)], plain.hidden_states[layer][0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(states["final"], plain.last_hidden_state[0], rtol=1e-4, atol=1e-4)
    twin = open_encoder(f"{name}@random", device="cpu")
    assert twin.layers == encoder.layers and twin.fingerprint != encoder.fingerprint


@pytest.mark.parametrize("name", SPEAKERS)
def test_speaker_models_open_in_speechbrain_itself(name):
    pytest.importorskip("speechbrain", reason="needs the extra [speaker]")
    from safetensors.torch import load_file
    from speechbrain.lobes.features import Fbank
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    config = json.loads((models_folder() / name / "config.json").read_text("utf-8"))
    names = ("input_size", "channels", "attention_channels", "se_channels", "res2net_scale", "lin_neurons")
    network = ECAPA_TDNN(**{key: config[key] for key in names}).eval()
    weights = load_file(models_folder() / name / "model.safetensors")
    network.load_state_dict({key: x.float() if x.is_floating_point() else x for key, x in weights.items()})
    with torch.inference_mode():
        features = Fbank(n_mels=80)(torch.from_numpy(AUDIO)[None])
        plain = network(features - features.mean(1, keepdim=True))[0, 0]
    encoder = open_encoder(name, device="cpu")
    assert encoder.layers == ("0", "1", "2", "3", "mfa", "embedding")
    torch.testing.assert_close(encoder.encode(AUDIO, 16_000)["embedding"][0], plain, rtol=1e-4, atol=1e-4)
    assert open_encoder(f"{name}@random", device="cpu").fingerprint != encoder.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_folders_are_whole_small_and_hashed(name):
    folder = models_folder() / name
    facts = json.loads((folder / "training.json").read_text("utf-8"))
    for file, expected in facts["sha256"].items():
        assert sha256_file(folder / file) == expected
        assert (folder / file).stat().st_size < 5e6
    card = (folder / "README.md").read_text("utf-8")
    for word in (
        "Licences",
        "What it heard",
        "What it learned",
        "Use and limits",
        facts["sha256"]["model.safetensors"],
    ):
        assert word in card


def test_the_family_is_complete_and_fits():
    family = {"tiny-english", "tiny-multi", "tiny-multi-other", "tiny-multi-fi", "tiny-multi-ru", "tiny-ssl"}
    assert set(NAMES) == family | set(SPEAKERS)
    for name in SPEAKERS:
        assert sum(path.stat().st_size for path in (models_folder() / name).iterdir()) < 1.2e6
    assert sum(path.stat().st_size for path in models_folder().rglob("*") if path.is_file()) < 26e6


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the bundled tiny-english that a test may break."""
    shutil.copytree(models_folder() / "tiny-english", tmp_path / "models" / "tiny-english")
    monkeypatch.setenv("ARTICULENS_DATA", str(tmp_path))
    return tmp_path / "models" / "tiny-english"


def test_tampered_weights_are_refused_by_name_and_open_by_path(copy):
    path = copy / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArticulensError, match=r"SHA-256.*expected.*git checkout"):
        open_encoder("tiny-english", device="cpu")
    assert open_encoder(str(copy), device="cpu").name == "tiny-english"
    path.write_bytes(content[:1000])
    with pytest.raises(ArticulensError, match="cannot be read"):
        open_encoder(str(copy), device="cpu")
    path.unlink()
    with pytest.raises(ArticulensError, match="is not there"):
        open_encoder("tiny-english", device="cpu")


def test_a_configuration_of_another_architecture_is_refused(copy):
    path = copy / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ArticulensError, match="unforeseen weights"):
        open_encoder("tiny-english", device="cpu")
    path.write_text(json.dumps(config | {"hidden_size": 320}))
    with pytest.raises(ArticulensError):
        open_encoder("tiny-english", device="cpu")
    path.write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ArticulensError, match="'bert' model, expected a speech encoder"):
        open_encoder("tiny-english", device="cpu")


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(ArticulensError, match="did you mean 'tiny-english'"):
        open_encoder("tiny-englich", device="cpu")
