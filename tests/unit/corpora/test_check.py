"""Planted faults are found, each where it was planted, and a clean tree raises no alarm."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from articulens.corpora import Trajectory, Utterance, open_corpus, read_audio, write_manifest, write_trajectory
from articulens.corpora.check import check
from articulens.corpora.check.page import to_html

RECORDINGS = Path(__file__).parents[3] / "../shared/recordings"
EMA_HZ, AUDIO_HZ, SECONDS = 200.0, 16_000, 3.0
POSTURE = {
    "TT": (-12, 0, 2),
    "TB": (-28, 1, 8),
    "TD": (-45, 0, 6),
    "UL": (8, 0, 6),
    "LL": (6, 0, -14),
    "JAW": (-4, 0, -16),
}
MOVES = {"TT": 4.0, "TB": 3.0, "TD": 3.0, "UL": 0.8, "LL": 4.0, "JAW": 3.0}
CHANNELS = tuple(f"{sensor}.{axis}" for sensor in POSTURE for axis in "xyz")
BANDS_HZ = (300, 700, 1500, 3000)


def gains(at, phase):
    return 0.5 + 0.4 * np.sin(2 * np.pi * np.outer(at, [1.3, 2.1, 2.9, 3.7]) + phase)


def tree(root, speakers=2, sentences=6):
    """Write speech-like sound, the loudness of whose bands is the movement of a mouth."""
    utterances = []
    for s in range(speakers):
        rng = np.random.default_rng([3, s])
        mixing = np.random.default_rng(5).normal(size=(4, len(CHANNELS)))
        mixing *= np.array([MOVES[name.split(".")[0]] * (0.1 if name.endswith("y") else 1) for name in CHANNELS])
        place = np.array([POSTURE[n.split(".")[0]]["xyz".index(n[-1])] for n in CHANNELS]) + rng.normal(
            0, 1, len(CHANNELS)
        )
        for t in range(sentences):
            phase = rng.uniform(0, 6, 4)
            clock = np.arange(round(SECONDS * AUDIO_HZ)) / AUDIO_HZ
            carriers = np.sin(2 * np.pi * np.outer(clock, BANDS_HZ) + rng.uniform(0, 6, 4))
            sound = (gains(clock, phase) * carriers).sum(axis=1) * 0.15 + rng.normal(0, 1e-3, len(clock))
            name = f"S{s}_{t}"
            audio, positions = root / "audio" / f"{name}.wav", root / "positions" / f"{name}.parquet"
            audio.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(audio, sound, AUDIO_HZ)
            track = gains(np.arange(round(SECONDS * EMA_HZ)) / EMA_HZ, phase) @ mixing + place
            write_trajectory(positions, Trajectory(track, CHANNELS, EMA_HZ))
            utterances.append(Utterance(name, f"S{s}", "fi", "L1", "T1", f"t{t}", None, audio, positions))
    write_manifest(root, utterances)
    return root


@pytest.fixture
def clean(tmp_path):
    return tree(tmp_path / "clean")


def checked(root):
    return check(open_corpus(f"tabular:{root}", skip_bad=True))


def found(root):
    return {(f.kind, f.where) for f in checked(root).findings}


def change(root, name, do):
    corpus = open_corpus(f"tabular:{root}")
    utterance = next(u for u in corpus if u.id == name)
    before = corpus.read_trajectory(utterance)
    positions, rate_hz = do(before.positions.copy(), before.rate_hz)
    write_trajectory(utterance.positions, Trajectory(positions, before.channels, rate_hz))


def column(name):
    return CHANNELS.index(name)


def swap(a, b):
    def do(positions, rate_hz):
        index = [CHANNELS.index({a: b, b: a}.get(n.split(".")[0], n.split(".")[0]) + n[-2:]) for n in CHANNELS]
        return positions[:, index], rate_hz

    return do


def flip(axis):
    return lambda positions, rate_hz: (positions * [-1 if n.endswith(axis) else 1 for n in CHANNELS], rate_hz)


def stretched(share):
    def do(positions, rate_hz):
        old = np.arange(len(positions))
        new = np.arange(round(len(positions) * (1 + share))) / (1 + share)
        return np.stack([np.interp(new, old, c) for c in positions.T], 1), rate_hz

    return do


def dropout(value):
    def do(positions, rate_hz):
        positions[200:280, column("TB.x") : column("TB.z") + 1] = value
        return positions, rate_hz

    return do


def frozen(positions, rate_hz):
    own = slice(column("LL.x"), column("LL.z") + 1)
    positions[:, own] = positions[:, own].mean(axis=0)
    return positions, rate_hz


def exchanged(positions, rate_hz):
    index = [CHANNELS.index(name[:-1] + {"x": "x", "y": "z", "z": "y"}[name[-1]]) for name in CHANNELS]
    return positions[:, index], rate_hz


def test_a_clean_tree_raises_no_alarm(clean):
    report = checked(clean)
    assert report.findings == [] and report.usable
    assert all(abs(lags.speaker_s) < 0.02 for lags in report.lags.values())


ONE = {
    "drift of 1 %": (stretched(0.01), ("drift", "S0_2")),
    "swapped sensors": (swap("TT", "TD"), ("swapped", "S0_2")),
    "flipped axis": (flip("x"), ("axes", "S0_2")),
    "80 ms lag": (lambda p, r: (np.roll(p, 16, axis=0), r), ("lag", "S0_2")),
    "dropout": (dropout(np.nan), ("missing", "S0_2")),
    "dropout as zeros": (dropout(0.0), ("jumps", "S0_2")),
    "dead sensor": (frozen, ("dead", "S0_2")),
    "wrong rate": (lambda p, r: (p, 250.0), ("rate", "S0_2")),
    "elsewhere": (lambda p, r: (p + 40, r), ("posture", "S0_2")),
}


@pytest.mark.parametrize("fault", ONE)
def test_a_fault_of_one_recording_is_found_there(clean, fault):
    do, expected = ONE[fault]
    change(clean, "S0_2", do)
    findings = found(clean)
    assert expected in findings
    # A moved or dead sensor may say more than one thing, but only of this recording.
    assert {where for _, where in findings} == {"S0_2"}
    assert checked(clean).usable == (expected[0] not in ("swapped", "axes", "rate"))


@pytest.mark.parametrize(
    ("do", "kind", "text"),
    [
        (swap("TT", "TD"), "swapped", "TT and TD look swapped"),
        (swap("TT", "UL"), "swapped", "UL look swapped"),
        (swap("UL", "LL"), "swapped", "UL and LL look swapped"),
        (flip("x"), "axes", "x looks flipped"),
        (flip("z"), "axes", "z looks flipped"),
        (exchanged, "axes", "y and z look exchanged"),
        (lambda p, r: (np.roll(p, 16, axis=0), r), "lag", "come 80 ms after"),
        (lambda p, r: (np.roll(p, -16, axis=0), r), "lag", "come 80 ms before"),
    ],
)  # fmt: skip
def test_a_fault_of_a_speaker_is_found_there(clean, do, kind, text):
    for name in ("S1_0", "S1_1", "S1_2", "S1_3", "S1_4", "S1_5"):
        change(clean, name, do)
    findings = checked(clean).findings
    assert [(f.kind, f.where) for f in findings] == [(kind, "S1")]
    assert text in findings[0].text


def test_faults_of_sound(clean):
    audio = clean / "audio"
    loud, rate_hz = read_audio(audio / "S0_0.wav")
    soundfile.write(audio / "S0_0.wav", np.clip(8 * loud, -1, 1), rate_hz)
    soundfile.write(audio / "S0_1.wav", loud * 0 + 1e-6, rate_hz)
    (audio / "S0_3.wav").write_bytes((audio / "S0_2.wav").read_bytes())
    (audio / "S1_0.wav").write_bytes((audio / "S1_0.wav").read_bytes()[:-80_000])
    (audio / "S1_1.wav").write_bytes((audio / "S1_1.wav").read_bytes()[:-2_000])
    content = bytearray((audio / "S1_2.wav").read_bytes())
    content[28:32] = (69).to_bytes(4, "little")
    (audio / "S1_2.wav").write_bytes(bytes(content))
    (audio / "S1_3.wav").unlink()
    (audio / "S1_4.wav").write_bytes(b"no sound")
    kinds = found(clean)
    expected = {("clipping", "S0_0"), ("silence", "S0_1"), ("duplicate", "S0_3"), ("unreadable", "S1_0")}
    expected |= {("header", "S1_1"), ("header", "S1_2"), ("unreadable", ""), ("unreadable", "S1_4")}
    assert expected <= kinds
    report = checked(clean)
    assert not report.usable and "S1_3.wav" in report.findings[0].text


def test_reports_hold_names_as_text(clean):
    manifest = clean / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("S0_2,S0,", "<script>alert(1)</script>,S0,"))
    change(clean, "<script>alert(1)</script>", dropout(np.nan))
    report = checked(clean)
    page = to_html(report)
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert page.count("data:image/png;base64,") == 3 and "http" not in page
    told = json.loads(json.dumps(report.to_dict()))
    assert told["usable"] and told["findings"][0]["kind"] == "missing"
    assert len(report.files()) == 12 and report.coverage().to_numpy().sum() == pytest.approx(12 * SECONDS / 60)


def recordings(name, recipe, tmp_path):
    folder = RECORDINGS / name
    if not folder.exists():
        pytest.skip(f"the recordings of {name} are not beside the project")
    (tmp_path / "recipe.yaml").write_text(recipe)
    return check(open_corpus(f"{tmp_path / 'recipe.yaml'}:{folder}", skip_bad=True))


def test_real_sweeps_with_a_tongue_sensor_that_wandered(tmp_path):
    report = recordings("ag501-ascii-artpros", "extends: artpros", tmp_path)
    assert report.usable and abs(report.lags["PGU-CD"].speaker_s) < 0.02  # synchronous, as others found
    assert {f.text[:2] for f in report.findings} == {"TB"}  # 5 mm between sweeps against 1-2 mm within one


def test_real_unused_sockets_are_dead_sensors(tmp_path):
    report = recordings("ag501-ascii-artpros", "extends: artpros\nchannels: {JAW: 7}", tmp_path)
    assert {f.where for f in report.findings if "JAW" in f.text and f.kind in ("dead", "missing")} >= {
        m.id for m in report.measured
    }


def test_real_header_with_69_bytes_a_second(tmp_path):
    recipe = "extends: ema-mae\nchannels: {TD: 5, UL: 8, LL: 7, JAW: 4}\ndefaults: {condition: L1}"
    report = recordings("ndi-jawangle", recipe, tmp_path)
    header = [f for f in report.findings if f.kind == "header"]
    assert "69 bytes a second instead of 44100" in header[0].text


def test_real_data_chunk_longer_than_its_file(tmp_path):
    recipe = r"""
reader: ssff
reader_options: {one_file_a_sensor: true}
channels: {TT: t_tip, TB: t_mid, TD: t_back, UL: upper_lip, LL: lower_lip, JAW: jaw}
axes: {x: -posy, y: +posx, z: +posz}
positions: '(?:.*/)?(?P<stem>[^/]+)\.t_tip'
audio: '(?:.*/)?(?P<stem>[^/]+)\.wav'
defaults: {speaker: dfg91, language: de, condition: L1, task: T1, sentence: '{stem}'}
"""
    report = recordings("ssff-ag500-emu/tinyDfg91", recipe, tmp_path)
    assert report.usable, report.findings
    assert {f.kind for f in report.findings} <= {"header", "length", "drift", "clipping"}
    turned = recordings("ssff-ag500-emu/tinyDfg91", recipe.replace("-posy", "+posy"), tmp_path)
    assert not turned.usable and "x looks flipped" in next(f.text for f in turned.findings if f.kind == "axes")


@pytest.mark.slow
def test_the_bundled_corpus_raises_no_alarm():
    if not (Path(__file__).parents[3] / "data" / "bundled" / "manifest.csv").is_file():
        pytest.skip("the bundled corpus is not there")
    report = check(open_corpus("bundled"))
    assert report.findings == []
    assert all(abs(lags.speaker_s) < 0.02 for lags in report.lags.values())
