"""ECAPA-TDNN: the layers are those of a plain SpeechBrain forward, also in batches, from every kind of checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from articulens.encoders import ecapa, open_encoder
from articulens.errors import ArticulensError

pytest.importorskip("speechbrain", reason="needs the extra [speaker]")

from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.processing.features import InputNormalization

LENGTHS = (16_000, 9_000, 24_321, 640, 23_999, 16_000)
SHAPE = {"channels": [16, 16, 16, 16, 48], "attention_channels": 8, "lin_neurons": 24, "se_channels": 8}
HYPERPARAMS = """
n_mels: 80
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    dilations: [1, 3, 2, 4, 1]
"""


def network(**more):
    torch.manual_seed(0)
    made = ECAPA_TDNN(80, **SHAPE, **more).eval()
    with torch.no_grad():  # batch norms that do something
        for name, buffer in made.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return made


@pytest.fixture
def folder(tmp_path):
    """A repository as `speechbrain/spkrec-ecapa-voxceleb` is laid out, with other dilations than usual."""
    (tmp_path / "hyperparams.yaml").write_text(HYPERPARAMS)
    torch.save(network(dilations=[1, 3, 2, 4, 1]).state_dict(), tmp_path / "embedding_model.ckpt")
    return tmp_path


def plain(model, wave):
    """Every layer, written out as SpeechBrain's own forward does it, and its own embedding."""
    with torch.inference_mode():
        features = InputNormalization(norm_type="sentence", std_norm=False)(
            Fbank(n_mels=80)(torch.tensor(wave)[None]), torch.ones(1)
        )
        x, found = features.transpose(1, 2), {}
        for i, block in enumerate(model.blocks):
            x = found[str(i)] = block(x)
        found["mfa"] = model.mfa(torch.cat([found[str(i)] for i in range(1, len(model.blocks))], 1))
        return {layer: x[0].T for layer, x in found.items()}, model(features)[0, 0]


@pytest.mark.parametrize("n", [640, 16_000, 24_321])
def test_layers_are_those_of_a_plain_speechbrain_forward(folder, tools, n):
    wave = tools.speech_like(n, seed=n)
    layers, embedding = plain(network(dilations=[1, 3, 2, 4, 1]), wave)
    own = open_encoder(str(folder), device="cpu", own_clock=True)
    states = own.encode(wave, 16_000)
    assert own.layers == ("0", "1", "2", "3", "mfa", "embedding") and len(states) == n // 160
    for layer, expected in layers.items():
        assert tools.relative(states[layer], expected[: n // 160]) < 1e-5
    assert tools.relative(states["embedding"], embedding.expand(len(states), -1)) < 1e-5
    # On the common clock: between the two 10 ms frames around each centre.
    shared = open_encoder(str(folder), device="cpu").encode(wave, 16_000)
    ten_ms = np.arange(n // 160 + 1) * 0.01
    for layer, expected in layers.items():
        wanted = np.stack([np.interp(shared.times_s, ten_ms, column) for column in expected.T.numpy()], 1)
        assert tools.relative(shared[layer], torch.tensor(wanted)) < 1e-5


def test_the_common_clock_is_that_of_the_other_encoders(folder):
    encoder = open_encoder(str(folder), device="cpu")
    wave = np.random.default_rng(0).normal(size=24_321).astype(np.float32)
    np.testing.assert_array_equal(
        encoder.encode(wave, 16_000).times_s, open_encoder("logmel").encode(wave, 16_000).times_s
    )


@pytest.mark.parametrize("kind", ecapa.FRONT_ENDS)
def test_frame_j_is_centred_on_sample_160_j(kind):
    """The energy of a click is highest at its own frame, and the same on both sides of it."""
    wave = torch.zeros(1, 32_000)
    wave[0, 16_000] = 1.0
    features = ecapa.front_end(ecapa.EcapaConfig(front_end=kind))(wave)[0].mean(1)
    assert features.argmax() == 100
    torch.testing.assert_close(features[99], features[101], rtol=1e-3, atol=1e-3)


def test_a_batch_equals_one_at_a_time(folder, tools, monkeypatch):
    sizes = []
    run = ecapa.layers_of
    monkeypatch.setattr("articulens.encoders.speaker.layers_of", lambda *a: sizes.append(len(a[1])) or run(*a))
    encoder = open_encoder(str(folder), device="cpu", batch_seconds=1000)
    items = [(tools.speech_like(n, seed=n), 16_000) for n in LENGTHS]
    together = encoder.encode_batch(items)
    assert sizes == [len(items)]
    for states, item in zip(together, items, strict=True):
        alone = encoder.encode(*item)
        for layer in encoder.layers:
            assert tools.relative(states[layer], alone[layer]) < 1e-5
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in encoder._network.modules())


def test_what_speechbrain_alone_would_do_differs(folder, tools, monkeypatch):
    """The guard of the test above: with lengths alone, convolutions still see the padding."""
    from contextlib import nullcontext

    monkeypatch.setattr(ecapa, "_own_reflections", lambda *_: nullcontext())
    encoder = open_encoder(str(folder), device="cpu", batch_seconds=1000)
    items = [(tools.speech_like(n, seed=n), 16_000) for n in LENGTHS]
    together = encoder.encode_batch(items)
    assert max(tools.relative(s["2"], encoder.encode(*i)["2"]) for s, i in zip(together, items, strict=True)) > 1e-3


def test_a_self_supervised_checkpoint_of_3d_speaker(tmp_path, tools):
    """Their network under their names, with their features: log mel energies of zero mean and unit variance."""
    from torchaudio.transforms import MelSpectrogram

    model = network()
    teacher = {f"module.backbone.{name}": x for name, x in model.state_dict().items()}
    torch.save(
        {"teacher": teacher | {"module.head.mlp.0.weight": torch.zeros(2, 2)}}, tmp_path / "pretrained_rdino.pth"
    )
    wave = tools.speech_like(16_000, seed=1)
    found = open_encoder(str(tmp_path), device="cpu", own_clock=True).encode(wave, 16_000)
    mel = MelSpectrogram(16_000, n_fft=512, win_length=400, hop_length=160, f_min=0.0, f_max=8000, n_mels=80)
    x = (mel(torch.tensor(wave)[None]) + 1e-6).log()
    x = torch.nn.InstanceNorm1d(80)(x)
    with torch.inference_mode():
        assert tools.relative(found["0"], model.blocks[0](x)[0].T[:100]) < 1e-5
        assert tools.relative(found["embedding"][0], model(x.transpose(1, 2))[0, 0]) < 1e-5


def test_hyperparams_run_no_code(folder, tmp_path):
    marker = tmp_path / "was_here"
    path = folder / "hyperparams.yaml"
    path.write_text(HYPERPARAMS + f"\nx: !apply:os.system ['touch {marker}']\ny: !!python/name:os.system\n")
    with pytest.raises(ArticulensError, match="not readable as YAML"):
        open_encoder(str(folder), device="cpu")
    path.write_text(HYPERPARAMS + f"\nx: !apply:os.system ['touch {marker}']\n")
    open_encoder(str(folder), device="cpu")
    assert not marker.exists()


def test_pickled_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"teacher": Evil()}, tmp_path / "pretrained_rdino.pth")
    with pytest.raises(ArticulensError, match="cannot be read safely"):
        open_encoder(str(tmp_path), device="cpu")
