"""Folders of SUPERB, what is taken of the bundled corpus, and features under a byte budget."""

import csv

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.encoders.base import Encoder, States
from articulens.encoders.clock import FrameClock
from articulens.errors import ArticulensError
from articulens.tasks import SUM, Features, Training, answers, open_task, select_evenly, split, summarise_tasks, weigh
from articulens.tasks.questions import Phones


def say(path, pitch: float = 200.0, seconds: float = 0.6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    clock = np.arange(int(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(len(path.name)).normal(size=len(clock))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * clock) + 0.02 * noise, 16_000)


@pytest.fixture
def librispeech(tmp_path):
    for speaker in range(3):
        folder = tmp_path / "test-clean" / f"{100 + speaker}" / "7"
        lines = [f"{100 + speaker}-7-{i:04d} {text}" for i, text in enumerate(["A CAT", "CAT A", "A A"])]
        for line in lines:
            say(folder / f"{line.split()[0]}.flac")
        (folder / f"{100 + speaker}-7.trans.txt").write_text("\n".join(lines))
    (tmp_path / "librispeech-lexicon.txt").write_text("A AH0\nCAT K AE1 T\nCAT K AA0 T\n")
    return tmp_path


def test_librispeech(librispeech):
    corpus = open_corpus(f"librispeech:{librispeech}")
    table = answers(corpus, open_task("PR"))
    assert len(table) == 9 and table.loc["100-7-0000", "answer"] == ("AH", "K", "AE", "T")
    assert set(table["sentence"]) == {"100-7", "101-7", "102-7"} and "split" not in table
    assert len(corpus.fingerprint()) == 64
    with pytest.raises(ArticulensError, match="has no positions"):
        corpus.read_trajectory(corpus.utterances[0])
    (librispeech / "librispeech-lexicon.txt").write_text("A AH0\n")
    with pytest.raises(
        ArticulensError, match=r"'CAT' of 100-7-0000 is not in librispeech-lexicon.txt; add it. \(5 more"
    ):
        open_corpus(f"librispeech:{librispeech}")
    left = open_corpus(f"librispeech:{librispeech}", skip_bad=True)
    assert len(left) == 3 and len(left.skipped) == 6
    (librispeech / "librispeech-lexicon.txt").unlink()
    with pytest.raises(ArticulensError, match="every utterance has neither phones nor labels"):
        answers(open_corpus(f"librispeech:{librispeech}"), open_task("PR"))


def test_voxceleb1(tmp_path):
    lines = []
    for speaker in range(2):
        for video, part in enumerate([1, 1, 2, 3]):
            name = f"id1000{speaker}/video{video}{speaker}/00001.wav"
            say(tmp_path / "wav" / name, 150.0 + 100 * speaker)
            lines.append(f"{part} {name}")
    (tmp_path / "iden_split.txt").write_text("\n".join(lines))
    corpus = open_corpus(f"voxceleb1:{tmp_path}")
    table = answers(corpus, open_task("SID"))
    (parts,) = split(table, open_task("SID"))
    assert len(parts.train) == 4 and len(parts.valid) == 2 and len(parts.test) == 2
    found = weigh(Features(corpus, open_encoder("logmel")), table, open_task("SID"), how=Training(rounds=30))
    assert found.scores.loc[found.scores["variant"] == SUM, "wrong"].mean() == 0  # the pitch tells who speaks
    (tmp_path / "iden_split.txt").write_text(f"4 {name}")
    with pytest.raises(ArticulensError, match=r"line 1 is '4 id10001/.*expected '1 id10003/VIDEO/00001.wav'"):
        open_corpus(f"voxceleb1:{tmp_path}")
    (tmp_path / "iden_split.txt").write_text("1 ../../etc/passwd")
    with pytest.raises(ArticulensError, match="passwd"):
        open_corpus(f"voxceleb1:{tmp_path}")


def test_fluent_speech_commands(tmp_path):
    for split_name, speakers in {"train": "abc", "valid": "d", "test": "e"}.items():
        rows = []
        for speaker in speakers:
            for k, action in enumerate(("activate", "increase")):
                path = f"wavs/speakers/{speaker}/{speaker}{k}.wav"
                say(tmp_path / path, 300.0 + 600 * k)
                rows.append([len(rows), path, speaker, f"{action} it", action, "lights", "none"])
        table = tmp_path / "data" / f"{split_name}_data.csv"
        table.parent.mkdir(exist_ok=True)
        with open(table, "w", newline="") as stream:
            header = ["", "path", "speakerId", "transcription", "action", "object", "location"]
            csv.writer(stream).writerows([header, *rows])
    corpus = open_corpus(f"fluent:{tmp_path}")
    table = answers(corpus, open_task("IC"))
    assert table.loc["a0", "answer"] == ("activate", "lights", "none") and table.loc["e1", "split"] == "test"
    with pytest.raises(ArticulensError, match="all training utterances have the object 'lights'"):
        split(table, open_task("IC"))
    (tmp_path / "wavs/speakers/e/e1.wav").unlink()
    with pytest.raises(ArticulensError, match=r"e1.wav: the sound of 'e1' is not there; complete the folder"):
        open_corpus(f"fluent:{tmp_path}")
    (tmp_path / "data" / "test_data.csv").write_text("path,speakerId\n")
    with pytest.raises(ArticulensError, match=r"test_data.csv: there is no column 'transcription', expected path"):
        open_corpus(f"fluent:{tmp_path}")


@pytest.mark.parametrize("name", ["librispeech", "voxceleb1", "fluent"])
def test_folders_that_are_not_there(name, tmp_path):
    for spec in (name, f"{name}:{tmp_path}/none", f"{name}:{tmp_path}"):
        with pytest.raises(ArticulensError, match=r"^[^\n]*$"):
            open_corpus(spec)


@pytest.fixture(scope="module")
def bundled():
    return open_corpus("bundled").select(speaker=["FIN02", "FIN03", "RUS02", "RUS03"], task="T2")


def test_tasks_of_the_bundled_corpus(bundled):
    phones = answers(bundled, open_task("PR"))["answer"]
    assert all(len(said) > 3 and not any("ː" in phone or phone == "_" for phone in said) for said in phones)
    assert set(answers(bundled, open_task("IC"))["answer"].str[0]) <= {"put", "take", "return"}
    assert {a[0] for a in answers(bundled, open_task("LID"))["answer"]} == {"fi", "ru"}
    few = select_evenly(bundled.to_frame().set_index("id"), 2)
    assert len(few) == 8 and few == sorted(few)
    with pytest.raises(ArticulensError, match="task 'PRR' is unknown; did you mean 'PR'"):
        open_task("PRR")


def test_bundled_tasks_lack_what_a_corpus_lacks(toy_root):
    toy = open_corpus(f"tabular:{toy_root}")
    with pytest.raises(ArticulensError, match="has no column 'action', which intent classification"):
        answers(toy, open_task("IC"))
    with pytest.raises(ArticulensError, match="every utterance has neither phones nor labels"):
        answers(toy, open_task("PR"))


def test_a_budget_changes_nothing_but_the_work(bundled):
    table = answers(bundled, open_task("PR"))
    how = Training(rounds=2)
    made = []
    for budget in (1.0, 0.0):
        features = Features(bundled, open_encoder("logmel"), framewise=table.index, stride=2, budget_gb=budget)
        assert features.holds(table.index) == (budget > 0)
        made.append(weigh(features, table, open_task("PR"), folds=4, tested=1, variants=[SUM], how=how).scores)
    pd.testing.assert_frame_equal(*made, rtol=1e-4)


def test_phones_are_heard_above_chance(bundled):
    table = answers(bundled, open_task("PR"))
    features = Features(bundled, open_encoder("tiny-multi", layers=["4", "5"]), framewise=table.index, stride=2)
    found = weigh(
        features, table, open_task("PR"), folds=4, variants=[SUM], how=Training(rounds=20, rate=Phones.how.rate)
    )
    row = summarise_tasks(found.scores).iloc[0]
    assert row["measure"] == "PER" and row["gain_low"] > 0 and row["score"] < 0.85 and row["speakers"] == 4


class Odd(Encoder):
    """Two layers of different width, the second of which may be broken."""

    name, layers, width, clock, do_normalize, fingerprint = "odd", ("0", "1", "vector"), 4, FrameClock(), False, "odd"

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    def record(self):
        return {}

    def encode_batch(self, items, *, sources=None, keep_on_device=False):
        made = []
        for samples, _ in items:
            n = self.clock.n_frames(len(samples))
            x = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
            wide = torch.full((n, 6), float("nan")) if self.broken else torch.randn(1, 6).expand(n, -1)
            made.append(States({"0": x, "1": x.flip(1), "vector": wide}, self.clock.times_s(len(samples))))
        return made


def test_layers_of_other_width_stand_alone(bundled):
    features = Features(bundled, Odd())
    assert features.mixable == ("0", "1") and features.widths == {"0": 4, "1": 4, "vector": 6}
    table = answers(bundled, open_task("LID"))
    found = weigh(features, table, open_task("LID"), folds=4, how=Training(rounds=3))
    assert set(found.weights["layer"]) == {"0", "1"}
    assert set(found.scores.loc[found.scores["variant"] == "one layer", "layer"]) == {"0", "1", "vector"}
    assert set(found.scores.loc[found.scores["variant"] == "without one", "layer"]) == {"0", "1"}


def test_states_that_are_no_numbers_are_refused(bundled):
    with pytest.raises(
        ArticulensError, match=r"\.flac: layer vector of odd holds values that are not finite, expected"
    ):
        Features(bundled, Odd(broken=True))
