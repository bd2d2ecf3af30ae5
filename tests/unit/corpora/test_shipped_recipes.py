"""Every shipped recipe on a tree written in its layout and format."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from articulens.corpora import foreign, known_corpora, load_recipe, open_corpus
from articulens.corpora.convert import convert
from articulens.errors import ArticulensError

INDEX = np.arange(9)
MOVES = 3 * np.sin(np.outer(np.arange(200) / 100, 5 + INDEX)) + 6 * INDEX
XYZ_OF = {k: MOVES[:, 3 * i : 3 * i + 3] for i, k in enumerate((1, 2, 3))}


def make(tree, folder, own=None):
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if own:
        (folder / "corpus.yaml").write_text(yaml.safe_dump(own))
    return folder


def wav(seconds):
    return foreign.riff(np.random.default_rng(0).normal(0, 0.1, round(16000 * seconds)), 16000)


def est(names, rate):
    return foreign.est_track(MOVES[:, : len(names)] * 100, names, rate)


SAID = [(0.0, 0.2, "sil"), (0.2, 0.4, "a")]
TEXTGRID = (
    b'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n0.8\n<exists>\n1\n'
    b'"IntervalTier"\n"phones"\n0\n0.8\n1\n0\n0.8\n"a"\n'
)
LABELLED = ("mocha", "mngu0", "hprc", "usc-timit", "pb2007")
MAT = {"AUDIO": (16000, np.zeros((32000, 1))), "TT": (100, MOVES[:, :6]), "tt": (100, MOVES[:, :6])}
FRAMES = foreign.carstens_frames(XYZ_OF)
CASES = {
    "mocha": (
        {
            "a/fsew0_001.ema": est(["tt_x", "tt_y", "ul_x"], 500),
            "a/fsew0_001.wav": wav(0.4),
            "a/fsew0_001.lab": b"0 0.2 sil\n0.2 0.4 a\n",
        },
        {},
        {"id": "fsew0_001", "speaker": "fsew0", "sentence": "mocha_001", "sex": "f"},
        {"TT.x": -MOVES[:, 0], "TT.z": MOVES[:, 1], "UL.x": -MOVES[:, 2]},
    ),
    "mngu0": (
        {
            "mngu0_s1_0001.ema": est(["T1_py", "T1_pz"], 200),
            "mngu0_s1_0001.wav": wav(1),
            "phone_labels/mngu0_s1_0001.lab": b"signal mngu0_s1_0001\nnfields 1\n#\n\t0.2 26 \tsil\n\t0.4 26 \ta\n",
        },
        {"reader_options": {"unit_mm": 0.01}, "axes": {"x": "-py", "z": "+pz"}},
        {"speaker": "mngu0", "sentence": "0001"},
        {"TT.x": -MOVES[:, 0], "TT.z": MOVES[:, 1]},
    ),
    "hprc": (
        {"F01_B02_S03_R01_N.mat": foreign.mview(MAT, phones=SAID)},
        {},
        {"speaker": "F01", "sentence": "B02_S03", "sex": "F", "pace": "normal"},
        {"TT.x": MOVES[:, 0], "TT.y": MOVES[:, 1], "TT.z": MOVES[:, 2]},
    ),
    "usc-timit": (
        {
            "F1/mat/usctimit_ema_f1_001_005.mat": foreign.mview(MAT),
            "F1/wav/usctimit_ema_f1_001_005.wav": wav(2),
            "F1/trans/usctimit_ema_f1_001_005.trans": b"0,0.2,sil,,,\n0.2,0.4,a,a,a b,1\n",
        },
        {"channels": {"TT": "tt"}},
        {"speaker": "F1", "sentence": "001_005"},
        {"TT.x": MOVES[:, 0], "TT.z": MOVES[:, 1]},
    ),
    "xrmb": (
        {"jw11_tp005.txy": foreign.xrmb({"T4": MOVES[:, :2]}), "jw11_tp005.wav": wav(1.373)},
        {},
        {"speaker": "jw11", "sentence": "tp005"},
        {"TD.x": MOVES[:, 0], "TD.z": MOVES[:, 1]},
    ),
    "ema-mae": (
        {"m05_s12_BPC.tsv": foreign.ndi_sensors(XYZ_OF, start_s=0.0), "m05_s12.wav": wav(2)},
        {"channels": {"TT": 2}, "defaults": {"condition": "L2"}},
        {"speaker": "m05", "sentence": "s12", "condition": "L2"},
        {"TT.x": MOVES[:, 3], "TT.z": MOVES[:, 4]},
    ),
    "spire-ema": (
        {"processed/spk7/m0012.pt": foreign.tensor(MOVES), "wav/7/m0012.wav": wav(2)},
        {
            "channels": {"TT": 2},
            "axes": {"x": "+0", "z": "-1"},
            "reader_options": {"unit_mm": 10},
            "audio": r"wav/(?P<speaker>\w+)/(?P<stem>\w+)\.wav",
        },
        {"speaker": "7", "sentence": "mocha_0012"},
        {"TT.x": 10 * MOVES[:, 2], "TT.z": -10 * MOVES[:, 3]},
    ),
    "torgo": (
        {
            "F/FC01/Session1/pos/0004.pos": foreign.carstens_ag500(FRAMES[:, :12]),
            "F/FC01/Session1/wav_headMic/0004.wav": wav(1),
        },
        {"channels": {"TT": 3}, "axes": {"x": "-Y", "y": "+X", "z": "+Z"}},
        {"id": "FC01_Session1_0004", "group": "control", "sex": "F"},
        {"TT.x": -MOVES[:, 7], "TT.y": MOVES[:, 6], "TT.z": MOVES[:, 8]},
    ),
    "pb2007": (
        {
            "_seq/item_0001.seq": foreign.seq(np.column_stack([MOVES, MOVES[:, :3]]) / 10),
            "_wav16/item_0001.wav": wav(2),
            "_lab/item_0001.lab": b"0 2000000 __\n2000000 4000000 a\n",
        },
        {"axes": {"x": "-0", "z": "+6"}},
        {"speaker": "PB", "language": "fr", "sentence": "item_0001"},
        {"JAW.x": -MOVES[:, 0], "TT.x": -MOVES[:, 1], "TB.z": MOVES[:, 8]},
    ),
    "carstens-folder": (
        {
            "kh1/pos/0001.pos": foreign.carstens_binary(FRAMES, 250),
            "kh1/wav/0001.wav": wav(0.8),
            "kh2/pos/0001.txt": foreign.carstens_ascii(FRAMES),
            "kh2/wav/0001.wav": wav(0.8),
        },
        {"channels": {"TT": 3}, "defaults": {"language": "fi"}, "rate_hz": 250},
        {"id": "kh1_0001", "speaker": "kh1", "language": "fi"},
        {"TT.x": MOVES[:, 6], "TT.y": MOVES[:, 7], "TT.z": MOVES[:, 8]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_opens_what_is_laid_out_as_it_says(tmp_path, name):
    tree, own, fields, positions = CASES[name]
    corpus = open_corpus(f"{name}:{make(tree, tmp_path / 'tree', own)}")
    row = corpus.to_frame().iloc[0]
    assert {key: row[key] for key in fields} == fields
    for utterance in corpus:
        samples, rate_hz, trajectory = corpus.read(utterance)
        assert rate_hz == 16000 and trajectory.duration_s == pytest.approx(len(samples) / rate_hz, abs=2e-3)
        assert set(positions) <= set(trajectory.channels)
        for channel, expected in positions.items():
            # Text exports have two decimals, single precision has seven digits.
            found = trajectory.positions[:, trajectory.channels.index(channel)]
            np.testing.assert_allclose(found, expected, atol=0.0051 if "txt" in str(utterance.positions) else 2e-4)


@pytest.mark.parametrize("name", LABELLED)
def test_phones_are_read_and_survive_a_conversion(tmp_path, name):
    tree, own, _, _ = CASES[name]
    corpus = open_corpus(f"{name}:{make(tree, tmp_path / 'tree', own)}")
    convert(corpus, tmp_path / "tables")
    for opened in (corpus, open_corpus(f"tabular:{tmp_path / 'tables'}")):
        found = opened.read_intervals(opened.utterances[0])
        assert [label.replace("__", "sil") for _, _, label in found] == ["sil", "a"]
        np.testing.assert_allclose([i[:2] for i in found], [i[:2] for i in SAID], rtol=1e-12)


def test_recordings_without_labels_open_and_convert(tmp_path):
    tree, own, _, _ = CASES["mocha"]
    less = {path: content for path, content in tree.items() if not path.endswith(".lab")}
    mocha = open_corpus(f"mocha:{make(less, tmp_path / 'mocha', own)}")
    hprc = open_corpus(f"hprc:{make({'F01_B02_S03_R01_N.mat': foreign.mview(MAT)}, tmp_path / 'hprc')}")
    for corpus in (mocha, hprc):
        convert(corpus, tmp_path / f"{corpus.name}-tables")
        assert open_corpus(f"tabular:{tmp_path}/{corpus.name}-tables").utterances[0].labels is None
        with pytest.raises(ArticulensError, match=r"has no labels|holds no words and no phones"):
            corpus.read_intervals(corpus.utterances[0])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[1]])
def test_what_is_not_known_is_not_guessed(tmp_path, name):
    tree, own, _, _ = CASES[name]
    needs = load_recipe(name)["needs"]
    assert needs, f"{name} needs something in this test but does not say so"
    folder = make(tree, tmp_path / "tree", own)
    for key in needs:
        above, _, below = key.rpartition(".")
        less = {k: ({i: j for i, j in v.items() if i != below} if k == above else v) for k, v in own.items()}
        if not above:
            less.pop(key)
        (folder / "corpus.yaml").write_text(yaml.safe_dump(less))
        with pytest.raises(ArticulensError, match=f"corpus '{name}' needs '{key}', which is not known: .*corpus.yaml"):
            open_corpus(f"{name}:{folder}")


def test_all_promised_recipes_are_there():
    assert {"frost", "tabular", "bundled", *CASES} <= set(known_corpora())


def test_the_recipe_of_the_documentation(tmp_path):
    text = (Path(__file__).parents[3] / "book" / "architecture.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(recipe.strip().splitlines()) <= 20
    (tmp_path / "my-corpus.yaml").write_text(recipe, encoding="utf-8")
    frames = foreign.carstens_frames({7: MOVES[:, :3], 12: MOVES[:, 3:6]})
    sweeps = {
        "S1/pos/L1_001.pos": foreign.carstens_binary(frames, 250),
        "S1/wav/L1_001.wav": wav(0.8),
        "S1/pos/L2_001.pos": foreign.carstens_binary(frames, 250),
        "S1/wav/L2_001.wav": wav(0.8),
        "S1/out/L2_001.TextGrid": TEXTGRID,
    }
    corpus = open_corpus(f"{tmp_path / 'my-corpus.yaml'}:{make(sweeps, tmp_path / 'sweeps')}")
    rows = [(u.id, u.speaker, u.condition, u.task, u.sentence, u.language) for u in corpus]
    assert rows == [(f"S1_{c}_001", "S1", c, "T1", "001", "fi") for c in ("L1", "L2")]
    read = corpus.read_trajectory(corpus.utterances[0])
    np.testing.assert_allclose(read.select(["UL.x", "UL.y", "UL.z"]).positions, MOVES[:, 3:6], atol=1e-5)
    assert corpus.read_intervals(corpus.utterances[1]) == [(0.0, 0.8, "a")]


def test_a_need_is_a_sentence(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: carstens-folder\nneeds: {channels: 7}\n")
    with pytest.raises(ArticulensError, match=r"'needs\.channels' is 7, expected a sentence"):
        load_recipe(tmp_path / "a.yaml")
