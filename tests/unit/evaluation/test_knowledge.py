"""What models know of mouths and phones, against plain computations on frames."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from articulens.corpora import open_corpus
from articulens.corpora.labels import phone_indicators, phone_of
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation import knowledge as module
from articulens.evaluation.knowledge import ARTICULATORY, PHONETIC, achieved, hear, knowledge, phones_of
from articulens.pretraining.milestones import milestones
from articulens.targets import PHONE


def test_a_phone_is_one_whatever_its_length():
    intervals = [(0.0, 0.1, "sil"), (0.1, 0.2, "ɑː"), (0.2, 0.3, "t"), (0.3, 0.4, " ɑ ")]
    times = np.array([0.05, 0.1, 0.15, 0.2, 0.35, 0.4])
    np.testing.assert_array_equal(
        phone_indicators(intervals, times, ["t", "ɑ"]), [[0, 0], [0, 1], [0, 1], [1, 0], [0, 1], [0, 0]]
    )
    assert [phone_of(label) for label in ("ɑː", " t", "sil", "")] == ["ɑ", "t", "", ""]


@pytest.fixture
def labelled(toy_copy):
    """A corpus whose phones are told by time alone: three sounds one after the other."""
    table = pd.read_csv(toy_copy / "manifest.csv", dtype=str)
    (toy_copy / "labels").mkdir()
    for name in table["id"]:
        spans = enumerate(("a", "bː"))
        intervals = [{"label": label, "start_s": 0.3 * i, "end_s": 0.3 * (i + 1)} for i, label in spans]
        (toy_copy / "labels" / f"{name}.json").write_text(json.dumps(intervals))
    table["labels"] = [f"labels/{name}.json" for name in table["id"]]
    table.to_csv(toy_copy / "manifest.csv", index=False)
    return open_corpus(f"tabular:{toy_copy}")


def test_both_scores_are_those_of_one_probe_on_the_same_frames(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PENALTIES", (10.0,))
    encoder = open_encoder("logmel")
    assert phones_of(labelled) == ("a", "b")
    store = hear(labelled, encoder, out=tmp_path, folds=2)
    phones = store.select_targets(lambda channel: channel.startswith(PHONE))
    assert [channel for channel, _ in phones.targets] == ["phone.a", "phone.b"]
    assert phones.moments("0")[0].k == 2 and store.moments("0")[0].k == len(store.targets)
    found = knowledge({"it": store}).set_index(["score", "speaker"])["r"]
    states = {s: [] for s in labelled.speakers}
    for u in labelled:
        heard = encoder.encode(*labelled.read_audio(u))
        kept = heard.times_s < 0.6  # speech frames
        states[u.speaker].append((heard["0"].numpy()[kept], (heard.times_s[kept] >= 0.3).astype(float)))
    x = {s: np.concatenate([a for a, _ in parts]) for s, parts in states.items()}
    y = {s: np.concatenate([b for _, b in parts]) for s, parts in states.items()}
    for speaker in labelled.speakers:
        others = [s for s in labelled.speakers if s != speaker]
        scaler = StandardScaler().fit(np.concatenate([x[s] for s in others]))
        target = np.concatenate([(y[s] - y[s].mean()) / y[s].std() for s in others])
        ridge = Ridge(10.0).fit(scaler.transform(np.concatenate([x[s] for s in others])), target)
        r = np.corrcoef(ridge.predict(scaler.transform(x[speaker])), y[speaker])[0, 1]
        assert found[PHONETIC, speaker] == pytest.approx(r, abs=1e-6)  # "b" is "not a": one r for both
    assert set(found.index.get_level_values("score")) == {ARTICULATORY, PHONETIC}


def test_without_labels_there_is_no_phonetic_score(toy_root, tmp_path):
    corpus = open_corpus(f"tabular:{toy_root}")
    assert phones_of(corpus) == ()
    known = knowledge({"it": hear(corpus, open_encoder("logmel"), out=tmp_path, folds=2, frames="all")})
    assert set(known["score"]) == {ARTICULATORY} and known["speaker"].nunique() == 4


def test_what_was_achieved_is_the_share_that_is_right():
    rows = [("PR", "PER", "layer", "weighted sum", 0.2), ("PR", "PER", "layer", "weighted sum", 0.4),
            ("PR", "PER", "none", "weighted sum", 0.9), ("PR", "PER", "layer", "one layer", 0.9),
            ("SID", "accuracy", "layer", "weighted sum", 0.6)]  # fmt: skip
    heads = pd.DataFrame(rows, columns=["task", "measure", "norm", "variant", "score"]).assign(model="m")
    table = achieved(heads).iloc[0]
    assert (table["PR"], table["SID"], table["model"]) == (pytest.approx(0.7), 0.6, "m")


def test_states_that_were_not_kept_are_missed(tmp_path):
    for step in (50, 100):
        (tmp_path / "milestones" / f"{step:06d}").mkdir(parents=True)
    assert [folder.name for folder in milestones(tmp_path)] == ["000050", "000100"]
    assert [folder.name for folder in milestones(tmp_path, [100, 300])] == ["000100"]
    with pytest.raises(ArticulensError, match="only those of steps 50, 100"):
        milestones(tmp_path, [300])
    with pytest.raises(ArticulensError, match="train with --milestones"):
        milestones(tmp_path / "nothing")
