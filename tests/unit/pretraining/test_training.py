"""Training: it learns, it is repeatable, and being killed changes nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModel

from articulens.corpora.audio import read_audio
from articulens.encoders import open_encoder
from articulens.encoders.audio import prepare_audio
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError
from articulens.pretraining.cards import write_card
from articulens.pretraining.config import parse_config
from articulens.pretraining.trainer import Places, _seed, schedule, train

KILLED = """
import json, os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from articulens.pretraining.config import parse_config
from articulens.pretraining.trainer import Places, train
values, speech, out = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
lines = iter(range(int(sys.argv[4])))
def say(line):
    if next(lines, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
train(parse_config(values, "test"), Places(speech=speech, cache=out / "teacher"), out, say=say)
"""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the order of sums
    yield
    torch.set_num_threads(before)


def run(values, speech, out, **settings) -> Path:
    return train(parse_config(values, "test"), Places(speech=speech, cache=out / "teacher"), out, **settings)


def files_of(model: Path) -> dict:
    facts = json.loads((model / "training.json").read_text())
    return {"curve": facts["curve"], "sha256": facts["sha256"]}


def test_fifty_steps_lower_the_loss(values, speech, tmp_path):
    values["stages"] = [values["stages"][0] | {"steps": 50}]
    curve = files_of(run(values, speech, tmp_path))["curve"]
    assert [row["step"] for row in curve] == list(range(5, 51, 5))
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]


def test_a_killed_run_resumes_to_the_bytes_of_an_uninterrupted_one(values, speech, tmp_path):
    whole = files_of(run(values, speech, tmp_path / "whole"))
    assert [(row["stage"], row["step"]) for row in whole["curve"]] == [(1, 5), (1, 10), (1, 15), (2, 5), (2, 10)]
    for points in (1, 3):  # so many further points of the curve: killed inside the first, then the second stage
        arguments = [json.dumps(values), str(speech), str(tmp_path / "killed"), str(points - 1)]
        killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "killed" / "model").exists()
    assert files_of(run(values, speech, tmp_path / "killed")) == whole
    assert files_of(run(values | {"seed": 4}, speech, tmp_path / "other"))["curve"] != whole["curve"]


def test_a_checkpoint_of_another_training_is_refused(values, speech, tmp_path):
    values["stages"] = [values["stages"][0] | {"steps": 5}]
    run(values, speech, tmp_path)
    with pytest.raises(ArticulensError, match="another configuration"):
        run(values | {"seed": 9}, speech, tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ArticulensError, match="cannot be read"):
        run(values, speech, tmp_path)


def test_the_model_folder_opens_everywhere_with_the_same_states(values, speech, tmp_path):
    values["stages"] = [values["stages"][1] | {"steps": 5, "cluster_layer": "mfcc"}]
    model = run(values, speech, tmp_path, milestones=1)
    audio = read_audio(sorted(speech.iterdir())[0])
    encoder = open_encoder(str(model), device="cpu")
    states = encoder.encode(*audio)
    network = AutoModel.from_pretrained(model).eval()
    assert network.dtype == torch.float32
    wave = prepare_audio(*audio, FrameClock(), normalize=True)
    with torch.inference_mode():
        plain = network(wave[None], output_hidden_states=True)
    torch.testing.assert_close(states["1"], plain.hidden_states[1][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states["final"], plain.last_hidden_state[0], rtol=1e-4, atol=1e-5)
    with safe_open(model / "heads.safetensors", "pt") as heads:
        assert heads.get_tensor("clusters.weight").shape == (8, 32)
        assert "8 clusters of mfcc" in heads.metadata()["clusters"]
    milestone = tmp_path / "milestones" / "000005" / "model.safetensors"
    assert milestone.read_bytes() == (model / "model.safetensors").read_bytes()
    card = write_card(model).read_text("utf-8")
    assert json.loads((model / "training.json").read_text())["sha256"]["model.safetensors"] in card
    assert "purely self-supervised" in card


def test_a_base_is_the_beginning(values, speech, tmp_path):
    values["stages"] = [values["stages"][0] | {"steps": 5}]
    models = tmp_path / "models"
    run(values, speech, tmp_path / "base").rename(tmp_path / "toy")
    models.mkdir()
    (tmp_path / "toy").rename(models / "toy")
    values["stages"][0] |= {"steps": 1, "learning_rate": 1e-9}
    config = parse_config(values | {"name": "next", "base": "toy"}, "test")
    tuned = train(config, Places(speech=speech, cache=tmp_path / "teacher", models=models), tmp_path / "next")
    first, then = (AutoModel.from_pretrained(folder).state_dict() for folder in (models / "toy", tuned))
    for name, tensor in first.items():
        torch.testing.assert_close(then[name], tensor, rtol=0, atol=2e-3)
    with pytest.raises(ArticulensError, match="starts from toy, which is not there"):
        train(config, Places(speech=speech, models=tmp_path / "nowhere"), tmp_path / "again")


def test_the_learning_rate_warms_up_and_falls_to_zero():
    rates = [schedule(step, 100) for step in range(100)]
    assert rates[9] == 1 == max(rates) and rates[0] == 0.1 and rates[-1] == pytest.approx(0, abs=1e-9)


def test_fine_tuning_learns_the_phones_of_its_texts(values, tmp_path):
    said = {"tuuli": "fi", "matto": "fi", "kissa": "fi"}
    rows = ["file,source,language,speaker,text"]
    rng = np.random.default_rng(0)
    for k, (text, language) in enumerate(said.items()):
        soundfile.write(tmp_path / f"{k}.flac", 0.1 * rng.normal(size=8_000 + 2_000 * k).clip(-9, 9), 16_000)
        rows.append(f"{k}.flac,espeak,{language},v,{text}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), "utf-8")
    values |= {"speech": [{"source": "espeak", "languages": ["fi"]}]}
    stage = {"objective": "ctc", "steps": 30, "batch": 3, "seconds": 2.0, "learning_rate": 1e-2}
    values["stages"] = [stage | {"frozen_front_end": True}]
    config = parse_config(values, "test")
    model = train(config, Places(made=tmp_path), tmp_path / "out")
    curve = files_of(model)["curve"]
    assert curve[-1]["loss"] < 0.6 * curve[0]["loss"]
    with safe_open(model / "heads.safetensors", "pt") as heads:
        assert heads.metadata()["phones"].endswith("vocabulary: <blank> i k l m o sː t tː uː ɑ")
        assert heads.get_tensor("phones.weight").shape == (11, 32)
    torch.manual_seed(_seed(config.seed, 0, -1))
    begun = AutoModel.from_config(AutoConfig.for_model(**config.architecture)).state_dict()
    trained = AutoModel.from_pretrained(model).state_dict()
    for name, tensor in begun.items():
        same = torch.allclose(trained[name], tensor, rtol=0, atol=2e-3)
        if name.startswith("feature_extractor"):
            assert same, name
        elif name == "feature_projection.projection.weight":
            assert not same
