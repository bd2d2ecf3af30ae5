"""Speaker encoders refuse what they cannot use, in one sentence, and work wherever another encoder does."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from articulens.encoders import find_model, open_encoder
from articulens.encoders.bundled import models_folder
from articulens.encoders.remembering import Remembering
from articulens.errors import ArticulensError

pytest.importorskip("speechbrain", reason="needs the extra [speaker]")

WAVE = np.random.default_rng(0).normal(size=16_000).astype(np.float32)


@pytest.fixture(scope="module")
def tiny():
    return open_encoder("tiny-ecapa@random", device="cpu")


def test_random_weights_follow_the_seed_and_the_clock_is_in_the_fingerprint(tiny):
    again, other = (open_encoder("tiny-ecapa@random", device="cpu", seed=seed) for seed in (0, 1))
    own = open_encoder("tiny-ecapa@random", device="cpu", own_clock=True)
    assert tiny.fingerprint == again.fingerprint
    assert len({tiny.fingerprint, other.fingerprint, own.fingerprint}) == 3
    assert (len(tiny.encode(WAVE, 16_000)), len(own.encode(WAVE, 16_000))) == (49, 100)


def test_the_embedding_is_one_vector_and_the_level_does_not_matter(tiny):
    states = tiny.encode(WAVE, 16_000)
    assert states["embedding"].shape == (49, 128) and (states["embedding"] == states["embedding"][0]).all()
    louder = tiny.encode(8 * WAVE, 16_000)
    torch.testing.assert_close(louder["embedding"], states["embedding"], rtol=1e-3, atol=1e-4)


def test_layers_can_be_chosen_and_remembered(tiny):
    chosen = open_encoder("tiny-ecapa@random", device="cpu", layers=["embedding", "1"])
    assert chosen.layers == ("1", "embedding") and chosen.widths == {"1": 128, "embedding": 128}
    memory = Remembering(chosen)
    for _ in range(2):
        states = memory.encode(WAVE, 16_000)
        torch.testing.assert_close(states["1"], tiny.encode(WAVE, 16_000)["1"])
    json.dumps(chosen.record())
    with pytest.raises(ArticulensError, match="no layer '7'"):
        open_encoder("tiny-ecapa@random", device="cpu", layers=["7"])


def test_recordings_of_unfit_length_are_refused(tiny):
    with pytest.raises(ArticulensError, match=r"short\.wav: 31\.25 ms are too short.*at least 40 ms"):
        tiny.encode(WAVE[:500], 16_000, source="short.wav")
    short = open_encoder("tiny-ecapa@random", device="cpu", max_seconds=0.5)
    with pytest.raises(ArticulensError, match=r"long\.wav: 1\.0 s is longer than the 0\.5 s"):
        short.encode(WAVE, 16_000, source="long.wav")
    with pytest.raises(ArticulensError, match="NaN"):
        tiny.encode(np.where(np.arange(16_000) == 5, np.nan, WAVE), 16_000)


def test_weights_that_are_not_finite_are_noticed(tmp_path):
    folder = copy_of_bundled(tmp_path, lambda weights: weights["mfa.conv.conv.bias"].fill_(float("nan")))
    with pytest.raises(ArticulensError, match=r"layer mfa of .* is not finite"):
        open_encoder(str(folder), device="cpu").encode(WAVE, 16_000)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    folder = copy_of_bundled(tmp_path, lambda weights: weights.pop("mfa.conv.conv.bias"))
    with pytest.raises(ArticulensError, match=r"does not fill.*mfa\.conv\.conv\.bias"):
        open_encoder(str(folder), device="cpu")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"res2net_scale": 3}))
    with pytest.raises(ArticulensError, match="cannot be built"):
        open_encoder(str(folder), device="cpu")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ArticulensError, match="cannot be read"):
        open_encoder(str(folder), device="cpu")


def test_other_checkpoints_are_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "embedding_model.ckpt")
    with pytest.raises(ArticulensError, match="not the weights of an ECAPA-TDNN"):
        open_encoder(str(tmp_path), device="cpu")
    (tmp_path / "embedding_model.ckpt").write_bytes(b"no weights")
    with pytest.raises(ArticulensError, match="cannot be read safely"):
        open_encoder(str(tmp_path), device="cpu")


def test_other_input_than_the_usual_is_refused(tmp_path):
    weights = copy_of_bundled(tmp_path, lambda _: None) / "model.safetensors"
    from safetensors.torch import load_file

    torch.save(load_file(weights), tmp_path / "embedding_model.ckpt")
    (tmp_path / "hyperparams.yaml").write_text("mean_var_norm: !new:x\n    std_norm: True\n")
    with pytest.raises(ArticulensError, match="mean of each recording taken off"):
        open_encoder(str(tmp_path), device="cpu")


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch):
    asked = []

    def nothing(hub_id, **options):
        asked.append((hub_id, options["revision"]))
        raise OSError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", nothing)
    for name in ("ecapa-voxceleb", "speechbrain/spkrec-ecapa-voxceleb", "someone/my-ECAPA"):
        with pytest.raises(ArticulensError, match="cannot be had from the Hugging Face Hub"):
            open_encoder(name)
    pinned = find_model("ecapa-voxceleb").revision
    place = "speechbrain/spkrec-ecapa-voxceleb"
    assert asked == [(place, pinned), (place, pinned), ("someone/my-ECAPA", None)]


def test_own_clock_is_for_speaker_models():
    for name in ("logmel", "wav2vec2-tiny@random"):
        with pytest.raises(ArticulensError, match="own_clock is for speaker models"):
            open_encoder(name, device="cpu", own_clock=True)


def test_speechbrain_changes_no_precision_for_others():
    code = (
        "import torch; from articulens.encoders import open_encoder\n"
        "before = torch.backends.cuda.matmul.allow_tf32; open_encoder('tiny-ecapa@random', device='cpu')\n"
        "assert torch.backends.cuda.matmul.allow_tf32 == before == False"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_speechbrain_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "speechbrain.lobes.models.ECAPA_TDNN", None)
    with pytest.raises(ArticulensError, match=r"articulens\[speaker\]"):
        open_encoder("tiny-ecapa@random", device="cpu")


def copy_of_bundled(tmp_path, change):
    """Return a folder with the weights of tiny-ecapa after `change`."""
    from safetensors.torch import load_file

    source, folder = models_folder() / "tiny-ecapa", tmp_path / "copy"
    folder.mkdir()
    weights = load_file(source / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text((source / "config.json").read_text("utf-8"))
    return folder
