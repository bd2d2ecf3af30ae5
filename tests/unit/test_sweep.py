"""A sweep keeps exactly what the frames say, goes on after a kill, and loses nothing to a bad file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from articulens.cells import CellDesign, CellStore, coarsen
from articulens.corpora import open_corpus
from articulens.corpora.signals import align
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.evaluation.predictions import movements, predict, utterance_scores
from articulens.evaluation.protocols import open_protocol
from articulens.evaluation.scores import COLUMNS, evaluate, read_scores, write_scores
from articulens.moments import FIELDS, Moments
from articulens.probes.linear import PENALTIES, LinearProbe
from articulens.sweep import sweep
from articulens.targets import TargetOptions

OPTIONS = TargetOptions(cutoff_hz=20.0)


def frames_of(corpus, encoder, options=OPTIONS):
    """Features and positions of every utterance, the plain way."""
    out = {}
    for utterance in corpus:
        states = encoder.encode(*corpus.read_audio(utterance))
        y = align(
            corpus.read_trajectory(utterance).select(options.channels),
            states.times_s,
            cutoff_hz=options.cutoff_hz,
        )
        keep = np.isfinite(y).all(1)
        out[utterance.id] = {k: x.double().numpy()[keep] for k, x in states.layers.items()}, y[keep]
    return out


@pytest.fixture(scope="module")
def toy(toy_root, tmp_path_factory):
    corpus, encoder = open_corpus(f"tabular:{toy_root}"), open_encoder("wav2vec2-tiny@random", device="cpu")
    design = CellDesign.for_protocols(map(open_protocol, ["sentence", "loso_sentence", "leave_language_out"]), folds=3)
    store = sweep(corpus, encoder, design, out=tmp_path_factory.mktemp("out"), options=OPTIONS, progress=False)
    return corpus, encoder, design, store


def same(a: Moments, b: Moments, rtol: float) -> None:
    for field in FIELDS:
        left, right = getattr(a, field), getattr(b, field)
        np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol * np.abs(right).max())


def test_cells_are_the_moments_of_their_frames(toy):
    corpus, encoder, design, store = toy
    frames = frames_of(corpus, encoder)
    assign = design.assign(corpus.to_frame())
    for layer in store.layers:
        for cell, stored in zip(store.cells.itertuples(index=False), store.moments(layer), strict=True):
            ids = [
                i
                for i, row in assign.iterrows()
                if row.speaker == cell.speaker
                and row.language == cell.language
                and row.sentence_fold == cell.sentence_fold
            ]
            x = np.concatenate([frames[i][0][layer] for i in ids])
            y = np.concatenate([frames[i][1] for i in ids])
            assert cell.frames == stored.n == len(x)
            same(stored, Moments.from_frames(x, y), rtol=1e-5)  # batched states differ by 1e-6


def test_batch_size_and_order_do_not_matter(toy, tmp_path):
    corpus, encoder, design, store = toy
    alone = sweep(corpus, encoder, design, out=tmp_path, options=OPTIONS, batch_seconds=0.1, progress=False)
    for layer in store.layers:
        for a, b in zip(alone.moments(layer), store.moments(layer), strict=True):
            same(a, b, rtol=1e-5)


def test_scores_are_those_of_the_frames(toy):
    """Leave one speaker and the sentences out, with plain arrays and scikit-learn's ridge."""
    from sklearn.linear_model import Ridge

    corpus, encoder, design, store = toy
    frames, assign = frames_of(corpus, encoder), design.assign(corpus.to_frame())
    scores = evaluate(
        store,
        open_protocol("loso_sentence"),
        LinearProbe(10.0),
        layers=["2"],
        scale="mm",
        pool="frames",
        experiment="E",
    )
    assert list(scores.columns) == list(COLUMNS)
    for speaker in corpus.speakers:
        predicted, measured, folds_p, folds_y = [], [], [], []
        for fold in range(design.folds):
            train = [i for i, row in assign.iterrows() if row.speaker != speaker and row.sentence_fold != fold]
            test = [i for i, row in assign.iterrows() if row.speaker == speaker and row.sentence_fold == fold]
            model = Ridge(10.0).fit(
                np.concatenate([frames[i][0]["2"] for i in train]),
                np.concatenate([frames[i][1] for i in train]),
            )
            predicted += [model.predict(frames[i][0]["2"]) for i in test]
            measured += [frames[i][1] for i in test]
            folds_p.append(np.concatenate(predicted[-len(test) :]))
            folds_y.append(np.concatenate(measured[-len(test) :]))
        p, y = np.concatenate(predicted), np.concatenate(measured)
        rows = scores[scores.speaker == speaker]
        assert list(rows.sensor + "." + rows.axis) == list(OPTIONS.channels)
        np.testing.assert_allclose(rows.r, [np.corrcoef(p[:, j], y[:, j])[0, 1] for j in range(10)], atol=1e-5)
        each = evaluate(
            store, open_protocol("loso_sentence"), LinearProbe(10.0), layers=["2"], scale="mm", pool="splits"
        )
        r = [[np.corrcoef(a[:, j], b[:, j])[0, 1] for j in range(10)] for a, b in zip(folds_p, folds_y, strict=True)]
        np.testing.assert_allclose(each[each.speaker == speaker].r, np.mean(r, axis=0), atol=1e-5)
        np.testing.assert_allclose(rows.rmse_mm, np.sqrt(((p - y) ** 2).mean(0)), rtol=1e-4)
        assert set(rows.n_frames) == {len(y)}


def test_scaling_by_speaker_uses_nothing_of_the_test_speaker(toy):
    corpus, _, _, store = toy
    probe, protocol = LinearProbe(10.0), open_protocol("loso_sentence")
    scores = evaluate(store, protocol, probe, layers=["1"], pool="frames")
    # Change the held-out speaker's positions in mm: r stays, to the last digit.
    moments, victim = store.moments("1"), corpus.speakers[0]
    changed = [
        m.standardise_targets(np.full(m.k, 5.0), np.full(m.k, 0.1)) if s == victim else m
        for m, s in zip(moments, store.cells.speaker, strict=True)
    ]
    from articulens.agreement import Agreement
    from articulens.evaluation.scores import fit_splits

    table, merged = coarsen(store.cells, changed, protocol.keys)
    total = None
    for split, fitted in fit_splits(table, merged, protocol, probe):
        for i in np.flatnonzero(split.test & (table.speaker == victim)):
            part = Agreement.of(*fitted.weights, merged[i])
            total = part if total is None else total + part
    np.testing.assert_allclose(total.r, scores[scores.speaker == victim].r, atol=1e-9)


def test_predictions_agree_with_scores(toy):
    corpus, encoder, _, store = toy
    probe, protocol = LinearProbe(PENALTIES, standardize=True), open_protocol("loso_sentence")
    predictions = list(predict(corpus, encoder, store, protocol, probe, layers=["0", "3"], progress=False))
    assert len(predictions) == 2 * len(corpus)
    scores = evaluate(store, protocol, probe, layers=["3"], pool="frames")
    for speaker in corpus.speakers:
        mine = [p for p in predictions if p.utterance.speaker == speaker and p.layer == "3"]
        p, y = np.concatenate([m.predicted for m in mine]), np.concatenate([m.measured for m in mine])
        r = [np.corrcoef(p[:, j], y[:, j])[0, 1] for j in range(10)]
        np.testing.assert_allclose(scores[scores.speaker == speaker].r, r, atol=1e-4)
    # A selection of the corpus is predicted by the same probes: folds stay those of the whole.
    some = predict(corpus.select(speaker="S1"), encoder, store, protocol, probe, layers=["3"], progress=False)
    for one, again in zip(
        some, (p for p in predictions if p.utterance.speaker == "S1" and p.layer == "3"), strict=True
    ):
        assert one.utterance.id == again.utterance.id
        np.testing.assert_allclose(one.predicted, again.predicted, atol=1e-3)
    per_utterance = utterance_scores(iter(predictions), store)
    assert len(per_utterance) == len(predictions) * 10
    assert per_utterance.r.notna().all()
    assert utterance_scores(iter(predictions), store, min_frames=10_000).r.isna().all()
    moved = movements(predictions, [channel for channel, _ in store.targets])
    assert set(moved["layer"]) == {"measured", "0", "3"}
    one = predictions[-1]
    rows = moved[(moved["utterance"] == one.utterance.id) & (moved["layer"] == one.layer)]
    np.testing.assert_array_equal(rows.iloc[:, 2], one.times_s)
    np.testing.assert_array_equal(rows.iloc[:, 3:], one.predicted)
    with pytest.raises(ArticulensError, match="divides the frames"):
        next(predict(corpus, encoder, store, open_protocol("frame_shuffled"), probe))


def test_articulation_is_found_and_rolled_articulation_is_not(toy_root, tmp_path):
    corpus, encoder = open_corpus(f"tabular:{toy_root}"), open_encoder("logmel")
    protocol = open_protocol("loso_sentence")
    options = TargetOptions(readings=("measured", "rolled", "lag+0.150"))
    store = sweep(
        corpus,
        encoder,
        CellDesign.for_protocols([protocol], folds=3),
        out=tmp_path,
        options=options,
        progress=False,
    )
    r = evaluate(store, protocol, LinearProbe(PENALTIES, standardize=True)).groupby("target").r.mean()
    assert r["measured"] > 0.7  # the mixing differs by speaker, so 1 cannot be had
    assert r["lag+0.150"] < r["measured"] - 0.1
    assert r["rolled"] < 0.4


def test_layers_side_by_side_give_the_same_table(toy):
    probe, protocol = LinearProbe(PENALTIES, standardize=True), open_protocol("loso_sentence")
    one, two = (evaluate(toy[3], protocol, probe, by=[[], ["language"]], jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


def test_a_table_comes_back_as_written(toy, tmp_path):
    scores = evaluate(toy[3], open_protocol("sentence"), LinearProbe(1.0), layers=["0"], by=["language"])
    assert set(scores.language) == {"fi", "ru"}
    for name in ("s.csv", "s.parquet"):
        write_scores(scores, tmp_path / name)
        back = read_scores(tmp_path / name)
        assert list(back.layer) == ["0"] * len(scores)
        np.testing.assert_allclose(back.r, scores.r, rtol=1e-12)
    with pytest.raises(ArticulensError, match=r"parquet or \.csv"):
        write_scores(scores, tmp_path / "s.xlsx")
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(ArticulensError, match=r"bad\.parquet: not a readable table"):
        read_scores(tmp_path / "bad.parquet")


KILLED = """
import sys, time
from pathlib import Path
from articulens.cells import CellDesign
from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.sweep import sweep
encoder = open_encoder("logmel")
if "slow" in sys.argv:
    encode = encoder.encode_batch
    def slowly(*a, **k):
        time.sleep(0.3)
        return encode(*a, **k)
    encoder.encode_batch = slowly
sweep(open_corpus("tabular:" + sys.argv[1]), encoder, CellDesign(("sentence_fold",), folds=2), out=sys.argv[2],
      batch_seconds=1, progress=False)
"""


def run(*arguments, **options):
    return subprocess.Popen([sys.executable, "-c", KILLED, *map(str, arguments)], **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_sweep_resumes_and_ends_with_the_same_bytes(toy_root, tmp_path):
    assert run(toy_root, tmp_path / "whole").wait() == 0
    whole = contents(tmp_path / "whole")
    child = run(toy_root, tmp_path / "killed", "slow")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").rglob("S0.npz")):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    left = contents(tmp_path / "killed")
    done = [name for name in left if name.endswith(".npz")]
    assert 0 < len(done) < 4
    assert run(toy_root, tmp_path / "killed").wait() == 0
    finished = {name: data for name, data in contents(tmp_path / "killed").items() if not name.endswith(".tmp")}
    assert finished == whole


def test_a_bad_utterance_ends_the_run_or_is_skipped_and_listed(toy_copy, tmp_path):
    bad = toy_copy / "audio" / "S1_fi_00.flac"
    soundfile.write(bad, np.zeros(0, dtype=np.float32), 16_000)
    soundfile.write(toy_copy / "audio" / "S2_ru_01.flac", np.zeros(100, dtype=np.float32), 16_000)
    corpus, encoder, design = open_corpus(f"tabular:{toy_copy}"), open_encoder("logmel"), CellDesign()
    with pytest.raises(ArticulensError, match=r"S1_fi_00\.flac"):
        sweep(corpus, encoder, design, out=tmp_path / "out", progress=False)
    # What was finished before the bad file is kept, and skipping goes on from there.
    assert [p.name for p in (tmp_path / "out").rglob("*.npz")] == ["S0.npz"]
    store = sweep(corpus, encoder, design, out=tmp_path / "out", skip_bad=True, progress=False)
    assert [row["id"] for row in store.skipped] == ["S1_fi_00", "S2_ru_01"]
    assert "S1_fi_00.flac" in store.skipped[0]["reason"]
    assert store.cells.speaker.tolist() == ["S0", "S1", "S2"]
    # What a lenient run left out does not slip into a strict one.
    with pytest.raises(ArticulensError, match=r"S1_fi_00\.flac.*An earlier run left it out"):
        sweep(corpus, encoder, design, out=tmp_path / "out", progress=False)


def test_a_full_disk_is_said_and_nothing_is_lost(toy_copy, tmp_path, monkeypatch):
    import errno

    import articulens.cells as cells

    corpus, encoder = open_corpus(f"tabular:{toy_copy}"), open_encoder("logmel")
    real = cells._write

    def full(archive, name, array):
        if name == "about" and b'"S1"' in array.tobytes():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(archive, name, array)

    monkeypatch.setattr(cells, "_write", full)
    with pytest.raises(ArticulensError, match="disk is full"):
        sweep(corpus, encoder, CellDesign(), out=tmp_path, progress=False)
    left = sorted(p.name for p in tmp_path.rglob("*") if p.is_file() and "toy" not in p.parts)
    assert left == ["S0.npz", "store.json"]
    monkeypatch.setattr(cells, "_write", real)
    assert len(sweep(corpus, encoder, CellDesign(), out=tmp_path, progress=False).cells) == 3


def test_a_damaged_store_is_named(toy_copy, tmp_path):
    corpus, encoder = open_corpus(f"tabular:{toy_copy}"), open_encoder("logmel")
    store = sweep(corpus, encoder, CellDesign(), out=tmp_path / "out", progress=False)
    with pytest.raises(ArticulensError, match="layer '7' is not in"):
        store.moments("7")
    with pytest.raises(ArticulensError, match="not separated by 'task'"):
        evaluate(store, open_protocol("loso"), LinearProbe(1.0), by=["task"])
    path = store.path("S1")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArticulensError, match=r"S1\.npz: the stored cells cannot be read"):
        CellStore(store.folder)
    with pytest.raises(ArticulensError, match="not a folder of cells"):
        CellStore(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"frames": "loud"}, "frames 'loud' is unknown"),
        ({"zscore": "speaker"}, "zscore 'speaker' is unknown"),
        ({"readings": ("lag",)}, "unknown reading 'lag'"),
    ],
)
def test_unknown_options_are_named(wrong, says):
    with pytest.raises(ArticulensError, match=says):
        TargetOptions(**wrong)


def test_speech_frames_need_labels(toy_copy, tmp_path):
    corpus = open_corpus(f"tabular:{toy_copy}")
    with pytest.raises(ArticulensError, match="has no labels"):
        sweep(
            corpus,
            open_encoder("logmel"),
            CellDesign(),
            out=tmp_path / "o",
            options=TargetOptions(frames="speech"),
            progress=False,
        )


def test_a_channel_that_was_not_recorded_is_named(toy_copy, tmp_path):
    corpus = open_corpus(f"tabular:{toy_copy}")
    with pytest.raises(ArticulensError, match=r"JAW\.z"):
        sweep(
            corpus,
            open_encoder("logmel"),
            CellDesign(),
            out=tmp_path / "o",
            options=TargetOptions(channels=("TT.x", "JAW.z")),
            progress=False,
        )
