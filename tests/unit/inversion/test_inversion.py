"""A saved probe reads out what the experiment scored, of recordings of any length."""

import json
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from typer.testing import CliRunner

from articulens.agreement import Agreement
from articulens.cells import CellDesign
from articulens.cli import app
from articulens.corpora import align, open_corpus, write_trajectory
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import loso
from articulens.evaluation.scores import evaluate
from articulens.inversion import invert, load_inverter, train_inverter
from articulens.inversion.page import to_html
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.sweep import sweep


@pytest.fixture(scope="module")
def encoder():
    return open_encoder("logmel")


@pytest.fixture(scope="module")
def toy(toy_root):
    return open_corpus(f"tabular:{toy_root}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def inverter(toy, encoder, cache):
    return train_inverter(toy, encoder, cache=cache, progress=False)


def test_an_unseen_speaker_scores_as_in_the_experiment(toy, encoder, cache):
    probe = train_inverter(toy, encoder, cache=cache, hold_out="S2", progress=False)
    assert probe.card["not_used"] == "S2" and probe.card["speakers"] == ["S0", "S1", "S3"]
    store = sweep(toy, encoder, CellDesign(), out=cache, progress=False)
    scores = evaluate(store, loso(), LinearProbe(PENALTIES, standardize=True))
    scores = scores[scores["speaker"] == "S2"]
    predicted, measured, in_mm = [], [], []
    for utterance in toy.select(speaker="S2"):
        result = invert(utterance.audio, probe, encoder)
        truth = align(toy.read_trajectory(utterance).select(probe.channels), result.times_s)
        whole = np.isfinite(truth).all(axis=1)
        predicted.append(result.z[whole])
        in_mm.append(result.positions.positions[whole])
        measured.append(truth[whole])
        assert np.allclose(result.times_s, result.positions.times_s)
    agreement = Agreement.of_frames(np.concatenate(in_mm), np.concatenate(measured))
    np.testing.assert_allclose(agreement.r, scores["r"], atol=1e-9)
    np.testing.assert_allclose(agreement.rmse, scores["rmse_mm"], rtol=1e-6)
    r = Agreement.of_frames(np.concatenate(predicted), np.concatenate(measured)).r
    np.testing.assert_allclose(r, scores["r"], atol=1e-9)


def test_saved_and_loaded(inverter, tmp_path):
    folder = inverter.save(tmp_path / "probe")
    again = load_inverter(folder)
    assert again.card == inverter.card and again.channels == inverter.channels
    np.testing.assert_array_equal(again.weights, inverter.weights)
    assert again.save(tmp_path / "twice")
    for name in ("probe.safetensors", "card.json"):
        assert (folder / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
    assert inverter.card["held_out"]["speakers"] == 4 and set(inverter.card["held_out"]["r"]) == set(inverter.channels)
    assert "On speakers it was not trained on, r was" in inverter.describe()


@pytest.mark.parametrize("damage", ["weights", "card", "both", "nan"])
def test_damaged_probes_are_refused(inverter, tmp_path, damage):
    folder = inverter.save(tmp_path / "probe")
    card = json.loads((folder / "card.json").read_text())
    if damage in ("weights", "both"):
        (folder / "probe.safetensors").write_bytes(b"\xff" * 64)
    if damage in ("card", "both"):
        (folder / "card.json").write_text(json.dumps(card | {"channels": card["channels"][:-1]}))
    if damage == "nan":
        content = (folder / "probe.safetensors").read_bytes()
        (folder / "probe.safetensors").write_bytes(content[:-8] + np.array([np.nan]).tobytes())
    with pytest.raises(ArticulensError, match="not a saved probe"):
        load_inverter(folder)


def test_another_encoder_is_refused(inverter, toy):
    with pytest.raises(ArticulensError, match="the probe was trained on logmel with other weights"):
        invert(toy.utterances[0].audio, inverter, open_encoder("mfcc"))


def test_calibrated_to_mm(inverter, toy, encoder, tmp_path):
    utterance = toy.utterances[0]
    tables = []
    for other in toy.select(speaker=utterance.speaker).utterances[1:4]:
        tables.append(tmp_path / f"{other.id}.csv")
        write_trajectory(tables[-1], toy.read_trajectory(other))
    result = invert(utterance.audio, inverter, encoder, calibrate=tables)
    truth = toy.read_trajectory(utterance).positions
    assert result.calibrated
    np.testing.assert_allclose(result.positions.positions.mean(axis=0), truth.mean(axis=0), atol=6)
    with pytest.raises(ArticulensError, match=r"channel UL\.x is missing"):
        tables[0].write_text(tables[0].read_text().replace("UL.x", "JAW.x"))
        invert(utterance.audio, inverter, encoder, calibrate=tables)


@pytest.mark.parametrize("rate_hz", [16000, 22050, 44100])
@pytest.mark.parametrize("seconds", [31.0, 54.3, 81.01])
def test_pieces_join_without_a_seam(inverter, encoder, tmp_path, rate_hz, seconds):
    rng = np.random.default_rng(0)
    sound = np.cumsum(rng.normal(0, 0.02, round(seconds * rate_hz)))
    sound = 0.2 * np.sin(2 * np.pi * 300 * np.arange(len(sound)) / rate_hz) * (1 + np.sin(0.01 * sound))
    soundfile.write(tmp_path / "a.wav", sound, rate_hz, subtype="FLOAT")
    told = []
    result = invert(tmp_path / "a.wav", inverter, encoder, progress=lambda done, of: told.append((done, of)))
    whole = encoder.encode(sound.astype(np.float32), rate_hz)
    np.testing.assert_allclose(result.times_s, whole.times_s, atol=1e-9)
    z = inverter.read_out(whole.layers[inverter.layer].numpy())
    spread = np.abs(result.z - z)
    # Only rounding may differ, and the very end, where a resampler sees another neighbourhood.
    assert spread.max() < 5e-3 and len(told) >= 2 and told[-1][0] == told[-1][1]


@pytest.mark.slow
def test_ten_minutes_in_bounded_memory(inverter, encoder, tmp_path):
    rate_hz, path = 16_000, tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", rate_hz, 1) as out:
        noise = 0.1 * np.random.default_rng(0).normal(size=10 * rate_hz).clip(-3, 3)
        for _ in range(60):
            out.write(noise)
    soundfile.write(tmp_path / "short.wav", np.tile(noise, 4), rate_hz)
    invert(tmp_path / "short.wav", inverter, encoder)  # whatever is loaded once is loaded now
    process, peak, told = psutil.Process(), [0], []
    before = process.memory_info().rss

    def watch(done, of):
        peak[0] = max(peak[0], process.memory_info().rss)
        told.append(done)

    result = invert(path, inverter, encoder, progress=watch)
    assert len(result.times_s) == 29_999 and told == sorted(told) and len(told) == 23
    assert peak[0] - before < 60e6  # the sound and its frames as a whole take three times that


def test_the_command(toy, inverter, tmp_path):
    inverter.save(tmp_path / "probe")
    audio = toy.utterances[0].audio
    words = ["predict", str(audio), "--model", str(tmp_path / "probe"), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    told = json.loads(result.stdout)
    assert told["card"]["encoder"] == "logmel" and told["predicted"][0]["unit"] == "z-scores"
    lines = Path(told["predicted"][0]["table"]).read_text().splitlines()
    assert lines[0].startswith("time_s,z(TT.x),") and len(lines) == told["predicted"][0]["frames"] + 1
    assert Path(told["predicted"][0]["figure"]).read_bytes()[:4] == b"\x89PNG"
    page = Path(told["predicted"][0]["page"]).read_text()
    assert "http" not in page.split("</style>")[0] and "A linear read-out of layer 0 of logmel" in page


def test_names_are_text_on_the_page(inverter, toy, encoder, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.flac"
    path.write_bytes(toy.utterances[0].audio.read_bytes())
    page = to_html(invert(path, inverter, encoder))
    assert "<img" not in page and "&lt;img src=x" in page


def predict(*words):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def test_every_recording_has_results_of_its_own(toy, inverter, tmp_path):
    inverter.save(tmp_path / "probe")
    content = toy.utterances[0].audio.read_bytes()
    for name in ("a/v1.one.flac", "a/v1.two.flac", "b/V1.one.flac", "a/\u53e3 [red].flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    where = ("--model", tmp_path / "probe", "--out", tmp_path / "out")
    result = predict(*sorted((tmp_path / "a").iterdir()), *where)
    assert result.exit_code == 0, result.exception
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    stems = ("v1.one", "v1.two", "\u53e3 [red]")
    assert written == sorted(f"{stem}.{suffix}" for stem in stems for suffix in ("csv", "html", "png"))
    assert "Glyph" not in result.output
    same = predict(tmp_path / "a" / "v1.one.flac", tmp_path / "b" / "V1.one.flac", *where)
    assert isinstance(same.exception, ArticulensError) and "would have the same name" in str(same.exception)


@pytest.mark.parametrize(
    ("name", "sound", "rate_hz", "message"),
    [
        ("silent.wav", np.zeros(32000), 16000, "it is silent throughout"),
        ("constant.wav", np.full(40 * 16000, 0.5), 16000, "it is silent throughout"),
        ("slow.wav", np.sin(np.arange(2000)), 100, "100 samples a second are too few for speech"),
        ("one.wav", np.ones(1), 16000, "it is silent throughout"),
        ("empty.wav", np.zeros(0), 16000, "the audio is empty"),
        ("absent.wav", None, 0, "there is no such audio file; correct its path"),
        ("folder.wav", None, 0, "this is a folder, expected a file"),
    ],
)
def test_what_cannot_be_heard_is_told_before_anything_is_trained(tmp_path, name, sound, rate_hz, message):
    if sound is not None:
        soundfile.write(tmp_path / name, sound, rate_hz)
    elif name == "folder.wav":
        (tmp_path / name).mkdir()
    # The encoder does not exist: who got that far would be told so.
    result = predict(tmp_path / name, "--model", "no-such-encoder", "--out", tmp_path / "out")
    assert isinstance(result.exception, ArticulensError)
    assert str(result.exception).startswith(f"{tmp_path / name}: ") and message in str(result.exception)


def test_a_folder_that_cannot_be_one_is_told_at_once(toy, tmp_path):
    (tmp_path / "out").write_text("a file")
    result = predict(toy.utterances[0].audio, "--model", "no-such-encoder", "--out", tmp_path / "out")
    assert "cannot be a folder for the results" in str(result.exception)
