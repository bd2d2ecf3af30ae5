"""Opening encoders: names, folders, random weights, records, and what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from articulens.encoders import MODELS, find_model, open_encoder, to_frame
from articulens.encoders.catalog import LARGE_POST_NORM, LARGE_STABLE, TINY_STABLE
from articulens.errors import ArticulensError

STABLE = "wav2vec2-tiny-stable@random"
AUDIO = np.random.default_rng(0).normal(size=8_000)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Save a tiny stable model; tests copy it before they break it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model(**TINY_STABLE)).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path) -> Path:
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def open_cpu(name, **settings):
    return open_encoder(str(name), device="cpu", **settings)


# --- what is opened -----------------------------------------------------------------------------------------


def test_random_weights_follow_the_seed_and_nothing_else():
    first, again, other = (open_cpu(STABLE, seed=seed) for seed in (1, 1, 2))
    assert first.record()["weights_sha256"] == again.record()["weights_sha256"]
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.record()["weights_sha256"] != other.record()["weights_sha256"]
    assert (first.name, first.record()["seed"]) == (STABLE, 1)
    torch.testing.assert_close(first.encode(AUDIO, 16_000)["2"], again.encode(AUDIO, 16_000)["2"], rtol=0, atol=0)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    open_cpu(STABLE)
    assert torch.equal(torch.rand(3), expected)


def test_random_weights_of_a_folder_have_its_architecture(copy):
    (copy / "model.safetensors").unlink()
    encoder = open_cpu(f"{copy}@random")
    assert encoder.name == f"{copy.name}@random"
    assert encoder.layers == ("0", "1", "2", "3", "4", "final")
    assert encoder.record()["weights_sha256"] == open_cpu(STABLE).record()["weights_sha256"]


def test_fingerprint_follows_weights_precision_and_preprocessing(saved, copy):
    base = open_cpu(saved).fingerprint
    assert open_cpu(copy).fingerprint == base
    assert open_cpu(saved, dtype="bf16").fingerprint != base
    assert open_cpu(saved, layers=["1"]).fingerprint == base  # the same states, fewer of them
    (copy / "preprocessor_config.json").write_text('{"do_normalize": false}')
    assert open_cpu(copy).fingerprint != base
    (copy / "preprocessor_config.json").unlink()
    weights = load_file(copy / "model.safetensors")
    weights["encoder.layer_norm.bias"] += 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert open_cpu(copy).fingerprint != base


def test_an_embedding_that_only_training_uses_may_be_missing(saved, copy):
    weights = load_file(copy / "model.safetensors")
    del weights["masked_spec_embed"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert open_cpu(copy, seed=0).fingerprint == open_cpu(copy, seed=1).fingerprint == open_cpu(saved).fingerprint


def test_do_normalize_is_read_from_the_repository_and_recorded(copy):
    assert open_cpu(copy).record()["do_normalize"] is True
    assert "normalised" in open_cpu(copy).record()["notes"][0]
    (copy / "preprocessor_config.json").write_text('{"do_normalize": false, "sampling_rate": 16000}')
    encoder = open_cpu(copy)
    assert encoder.record()["do_normalize"] is False
    assert encoder.record()["notes"] == []
    loud = encoder.encode(10 * AUDIO, 16_000)["0"]
    assert not torch.allclose(loud, encoder.encode(AUDIO, 16_000)["0"], atol=1e-3)


def test_a_record_can_be_written_as_json(saved):
    record = json.loads(json.dumps(open_cpu(saved).record()))
    assert record["source"] == str(saved)
    assert set(record["versions"]) == {"articulens", "torch", "torchaudio", "transformers"}
    assert (record["dtype"], record["device"], record["width"]) == ("fp32", "cpu", 96)
    assert record["architecture"]["feat_extract_norm"] == "layer"


def test_chosen_layers_are_the_same_states_and_later_blocks_do_not_run(saved):
    everything = open_cpu(saved).encode(AUDIO, 16_000)
    some = open_cpu(saved, layers=["2", "0"])
    assert some.layers == ("0", "2")
    states = some.encode(AUDIO, 16_000)
    assert list(states.layers) == ["0", "2"]
    for layer in states.layers:
        torch.testing.assert_close(states[layer], everything[layer], rtol=0, atol=0)
    assert len(some._blocks) == 2
    assert list(open_cpu(saved, layers=[0]).encode(AUDIO, 16_000).layers) == ["0"]
    assert list(open_cpu(saved, layers="final").encode(AUDIO, 16_000).layers) == ["final"]


def test_old_weight_norm_names_load_exactly(copy):
    new = open_cpu(copy)
    weights = load_file(copy / "model.safetensors")
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    old = {}
    for name, tensor in weights.items():
        for modern, ancient in names.items():
            name = name.replace(modern, ancient)
        old[f"wav2vec2.{name}"] = tensor
    assert sum(name.endswith(("weight_g", "weight_v")) for name in old) == 2
    (copy / "model.safetensors").unlink()
    torch.save(old | {"lm_head.weight": torch.zeros(3, 96)}, copy / "pytorch_model.bin")
    encoder = open_cpu(copy)
    assert encoder.fingerprint == new.fingerprint
    assert torch.equal(encoder.encode(AUDIO, 16_000)["4"], new.encode(AUDIO, 16_000)["4"])


def test_no_hook_and_no_setting_survives_an_error(saved, monkeypatch):
    encoder = open_cpu(saved)
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("medium")
    try:
        monkeypatch.setattr(encoder._blocks[2], "forward", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            encoder.encode_batch([(AUDIO, 16_000), (AUDIO[:5_000], 16_000)])
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32 == cudnn
    finally:
        torch.set_float32_matmul_precision(precision)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in encoder._model.modules())


def test_half_precision_is_near_and_overflow_is_an_error(copy):
    exact = open_cpu(copy).encode(AUDIO, 16_000)
    for dtype, tolerance in (("bf16", 0.05), ("fp16", 0.01)):
        states = open_cpu(copy, dtype=dtype).encode(AUDIO, 16_000)
        assert states["4"].dtype == torch.float32
        difference = (states["4"] - exact["4"]).norm() / exact["4"].norm()
        assert 0 < float(difference) < tolerance
    weights = load_file(copy / "model.safetensors")
    weights["encoder.layers.2.feed_forward.output_dense.weight"] *= 1e7
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert bool(torch.isfinite(open_cpu(copy).encode(AUDIO, 16_000)["4"]).all())
    with pytest.raises(ArticulensError, match=r"^a\.wav: layer 3 of .* is not finite in fp16, .*; use dtype bf16"):
        open_cpu(copy, dtype="fp16").encode(AUDIO, 16_000, source="a.wav")


# --- what cannot be opened ----------------------------------------------------------------------------------


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ArticulensError, match=r"model 'xlsr-35' is unknown.*did you mean 'xlsr-53'"):
        open_encoder("xlsr-35")
    with pytest.raises(ArticulensError, match=r"@random has no layer '5'; known: 0, 1, 2, 3, 4, final\.$"):
        open_cpu(STABLE, layers=["5"])
    with pytest.raises(ArticulensError, match="no layer '12'"):
        open_cpu(STABLE, layers=["1", "12"])
    with pytest.raises(ArticulensError, match="no layer was asked for"):
        open_cpu(STABLE, layers=[])
    with pytest.raises(ArticulensError, match="precision 'fp23' is unknown; did you mean 'fp32'"):
        open_encoder("logmel", dtype="fp23")
    with pytest.raises(ArticulensError, match="device 'gpu' is unknown"):
        open_encoder("logmel", device="gpu")
    with pytest.raises(ArticulensError, match="device 'cuda:99' was asked for and torch finds"):
        open_encoder("logmel", device="cuda:99")
    with pytest.raises(ArticulensError, match="'tf32' exists on GPUs only"):
        open_encoder("logmel", device="cpu", dtype="tf32")
    with pytest.raises(ArticulensError, match="expected 'wav2vec2-tiny@random'"):
        open_encoder("wav2vec2-tiny")
    with pytest.raises(ArticulensError, match="max_seconds is 3, expected at least 8"):
        open_cpu(STABLE, max_seconds=3)


def test_missing_folder_config_and_weights(copy, tmp_path):
    with pytest.raises(ArticulensError, match="there is no such folder"):
        open_encoder("./no/such/folder")
    (copy / "model.safetensors").rename(copy / "elsewhere")
    with pytest.raises(ArticulensError, match=r"there are no weights in this folder, expected model\.safe"):
        open_cpu(copy)
    (copy / "config.json").unlink()
    with pytest.raises(ArticulensError, match=r"there is no config.json in this folder"):
        open_cpu(copy)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_broken_files_are_one_sentence(copy, file):
    (copy / file).write_bytes(b'{"truncated')
    with pytest.raises(ArticulensError, match=r"this folder cannot be read \(.*\); save or download it again\.$"):
        open_cpu(copy)


def test_a_model_of_another_kind_is_refused(tmp_path):
    for settings in ({"model_type": "bert"}, {"model_type": "llama"}):
        (tmp_path / "config.json").write_text(json.dumps(settings))
        with pytest.raises(ArticulensError, match=f"is a '{settings['model_type']}' model, expected a speech encoder"):
            open_cpu(f"{tmp_path}@random")
    # Squeezes time inside, so its blocks do not run at the rate of its front end.
    sew = {"model_type": "sew", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    (tmp_path / "config.json").write_text(json.dumps(sew | {"intermediate_size": 32, "conv_dim": [8] * 13}))
    with pytest.raises(ArticulensError, match="'sew' model, expected a speech encoder"):
        open_cpu(f"{tmp_path}@random")


def test_an_impossible_configuration_is_one_sentence(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_attention_heads": 7}))
    with pytest.raises(ArticulensError, match=r"in config\.json cannot be built \(.*divisible.*; correct config\.json"):
        open_cpu(copy)


def test_a_checkpoint_must_fill_the_encoder_exactly(copy):
    weights = load_file(copy / "model.safetensors")
    less = {k: v for k, v in weights.items() if k != "encoder.layers.3.final_layer_norm.weight"}
    save_file(less, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArticulensError, match=r"lacks weights of the encoder \(1, the first is encoder.layers.3"):
        open_cpu(copy)
    save_file(weights | {"encoder.layers.4.extra": torch.zeros(2)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ArticulensError, match="has unforeseen weights of the encoder"):
        open_cpu(copy)
    save_file(weights | {"quantizer.codevectors": torch.zeros(2)}, copy / "model.safetensors", {"format": "pt"})
    assert open_cpu(copy).width == 96
    save_file(weights | {"encoder.layer_norm.bias": torch.zeros(95)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(ArticulensError, match="this folder cannot be read"):
        open_cpu(copy)


def test_an_unreachable_hub_is_one_sentence_with_remedies(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("We couldn't connect to 'https://huggingface.co'. Second sentence.")

    monkeypatch.setattr(AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(ArticulensError, match=r"owner/model: .*couldn't connect.*HF_HUB_OFFLINE.*local folder\.$"):
        open_encoder("owner/model")


def test_the_pinned_revision_is_asked_for(monkeypatch):
    asked = []

    def remember(place, revision=None, **_):
        asked.append((place, revision))
        raise OSError("stop here")

    monkeypatch.setattr(AutoConfig, "from_pretrained", remember)
    for name, revision in (("xlsr-53", None), ("facebook/wav2vec2-large-xlsr-53", None), ("xlsr-53", "main")):
        with pytest.raises(ArticulensError):
            open_encoder(name, revision=revision)
    pinned = find_model("xlsr-53").revision
    assert asked == [("facebook/wav2vec2-large-xlsr-53", r) for r in (pinned, pinned, "main")]


# --- the model table ----------------------------------------------------------------------------------------


def test_the_table_holds_the_models_of_the_paper_and_the_missing_control():
    table = to_frame().set_index("name")
    assert ["WV2-L", "MMS-300m", "XLSR-53", "RU-FT", "FI-FT", "XLS-R-300m"] == list(table.label[:6])
    assert table.loc["xls-r-300m-finnish", "base_model"] == "xls-r-300m"
    assert table.loc["xlsr-53-russian", "base_model"] == "xlsr-53"
    assert (table.loc["xlsr-53", "finnish"], table.loc["xlsr-53", "russian"]) == ("no", "yes")
    assert table.loc["wav2vec2-large", "norm"] == "group / post-norm"
    assert set(table.loc[table.hub_id.notna(), "width"]) == {1024}
    for model in MODELS:
        assert model.revision is None or len(model.revision) == 40
        assert {model.finnish, model.russian} <= {"yes", "no", "unknown"}
        assert model.base_model is None or find_model(model.base_model) is not None


@pytest.mark.parametrize("architecture", [LARGE_POST_NORM, LARGE_STABLE])
def test_large_architectures_have_the_layers_and_size_of_the_published_ones(architecture):
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(**architecture))
    assert len(model.encoder.layers) == 24
    assert 3.1e8 < sum(p.numel() for p in model.parameters()) < 3.2e8


def test_the_package_is_light_to_import():
    code = "import sys, articulens.encoders; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
