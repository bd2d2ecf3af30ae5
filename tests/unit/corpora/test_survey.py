"""What a file of positions holds, before anybody has described it."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from articulens.cli import app
from articulens.corpora import Trajectory, foreign, open_corpus
from articulens.corpora.readers import SOURCES
from articulens.corpora.survey import recognise, survey, survey_folder
from articulens.errors import ArticulensError

RECORDINGS = Path(__file__).parents[3] / "../shared/recordings"
SOCKETS = {"TT": 7, "TB": 9, "TD": 8, "UL": 12, "LL": 13, "JAW": 5}


@pytest.fixture(scope="module")
def bundled():
    return open_corpus("bundled")


def sweep(trajectory: Trajectory, sockets=SOCKETS, flip=1.0) -> bytes:
    """Return an AG501 file of a bundled recording, with a sensor on the head in socket 1."""
    xyz = {
        sockets[sensor]: np.stack([flip * xz[:, 0], 0 * xz[:, 0] + 0.5, xz[:, 1]], axis=1)
        for sensor in sockets
        for xz in [trajectory.select([f"{sensor}.x", f"{sensor}.z"]).positions]
    }
    still = np.full((len(trajectory), 3), (-110.0, 70.0, 6.0)) + 0.01 * np.sin(np.arange(len(trajectory)))[:, None]
    return foreign.carstens_binary(foreign.carstens_frames({**xyz, 1: still}))


def wide(trajectory: Trajectory) -> Trajectory:
    names = [f"{s}.{axis}" for s in SOCKETS for axis in "xyz"]
    columns = [
        trajectory.select([n]).positions[:, 0] if n in trajectory.channels else np.full(len(trajectory), 0.5)
        for n in names
    ]
    return Trajectory(np.round(np.stack(columns, axis=1), 2), tuple(names), trajectory.rate_hz)


def test_every_format_that_names_its_sensors_is_recognised_and_listed(tmp_path, bundled):
    trajectory = wide(bundled.read_trajectory(bundled.utterances[0]))
    trajectory = Trajectory(trajectory.positions[: len(trajectory) // 12 * 12], trajectory.channels, 250.0)
    samples = {n: s for n, s in foreign.samples(trajectory).items() if s.reader in SOURCES}
    assert {s.reader for s in samples.values()} == set(SOURCES)
    for name, sample in samples.items():
        path = tmp_path / f"a{sample.suffix}"
        path.write_bytes(sample.content)
        seen = survey(path)
        assert seen.reader == sample.reader, name
        assert seen.samples == len(trajectory), name
        # AG500 files are 200 Hz by convention and do not say so; text exports do not either.
        assert seen.rate_hz == {"AG501 text": None, "AG500 binary": 200}.get(name, pytest.approx(250, rel=1e-3)), name
        table = seen.table.set_index("sensor")
        for sensor, source in sample.arguments.get("channels", {s: s for s in SOCKETS}).items():
            assert table["is"][source] == "moving" and table["missing"][source] == 0, name
            first = [table[f"mean_{seen.axes[0]}"][source], table[f"sd_{seen.axes[-1]}"][source]]
            x, z = trajectory.select([f"{sensor}.x", f"{sensor}.z"]).positions.T
            np.testing.assert_allclose(first, [x.mean(), z.std()], atol=0.01, err_msg=name)
        assert sum(table["is"] == "moving") == len(SOCKETS), name
        if seen.told_by == "names" and name != "XRMB":  # whose pellets have their own names for other places
            assert seen.channels == sample.arguments.get("channels", {s: s for s in SOCKETS}), name


def test_every_speaker_s_sensors_are_told_by_place_or_not_at_all(tmp_path, bundled):
    told = 0
    for speaker in bundled.speakers:
        for utterance in bundled.select(speaker=speaker).utterances[::6]:
            (tmp_path / "a.pos").write_bytes(sweep(bundled.read_trajectory(utterance)))
            seen = survey(tmp_path / "a.pos")
            assert seen.channels in ({}, SOCKETS), utterance.id
            assert seen.table.set_index("sensor")["is"][1] == "still"
            told += bool(seen.channels)
    assert told >= 0.9 * len(range(0, len(bundled), 6))


def test_what_lies_in_no_mouth_is_not_told(tmp_path, bundled):
    trajectory = bundled.read_trajectory(bundled.utterances[0])
    cases = {
        "an axis turned round": sweep(trajectory, flip=-1.0),
        "lips only": sweep(trajectory, {"UL": 2, "LL": 3}),
        "an AG500, whose axes are not known": foreign.carstens_ag500(
            np.frombuffer(sweep(trajectory)[4096:], "<f4").reshape(-1, 16, 7)[:, :12]
        ),
    }
    for what, content in cases.items():
        (tmp_path / "a.pos").write_bytes(content)
        channels = survey(tmp_path / "a.pos").channels
        assert channels == ({"UL": 2, "LL": 3} if what == "lips only" else {}), what


def test_two_sensors_more_on_the_tongue_leave_its_body_open(tmp_path, bundled):
    trajectory = bundled.read_trajectory(bundled.utterances[0])
    frames = np.frombuffer(sweep(trajectory)[4096:], "<f4").reshape(-1, 16, 7).copy()
    frames[:, 13] = frames[:, 8]
    frames[:, 13, 0] -= 8  # another one behind the tongue's body
    (tmp_path / "a.pos").write_bytes(foreign.carstens_binary(frames))
    seen = survey(tmp_path / "a.pos")
    assert seen.channels == {s: SOCKETS[s] for s in ("TT", "UL", "LL", "JAW")}
    assert "not told: TB, TD" in seen.recipe()


def test_a_recipe_that_was_begun_is_refused_until_it_is_whole_and_then_opens(tmp_path, bundled):
    utterance = bundled.utterances[0]
    trajectory = bundled.read_trajectory(utterance)
    for folder in ("pos", "wav"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pos/0001.pos").write_bytes(sweep(trajectory))
    seconds = len(trajectory) / 250
    samples, rate_hz = bundled.read_audio(utterance)
    (tmp_path / "wav/0001.wav").write_bytes(foreign.riff(np.resize(samples, round(seconds * rate_hz)), rate_hz))
    begun = survey_folder(tmp_path).recipe()
    (tmp_path / "corpus.yaml").write_text(begun)
    with pytest.raises(ArticulensError, match=r"needs 'defaults\.language', which is not known"):
        open_corpus(f"carstens-folder:{tmp_path}")
    (tmp_path / "corpus.yaml").write_text(begun.replace("# defaults: {language: ?}", "defaults: {language: fi}"))
    opened = open_corpus(f"carstens-folder:{tmp_path}")
    read = opened.read_trajectory(opened.utterances[0])
    np.testing.assert_allclose(read.select(["TT.x"]).positions, trajectory.select(["TT.x"]).positions, atol=1e-4)


@pytest.mark.parametrize("name", ["EST binary", "MVIEW", "NDI ports", "SSFF", "XRMB"])
def test_what_was_begun_for_other_formats_is_a_recipe_once_it_is_whole(tmp_path, bundled, name):
    trajectory = wide(bundled.read_trajectory(bundled.utterances[0]))
    sample = foreign.samples(trajectory)[name]
    silence = np.zeros(round(16000 * trajectory.duration_s))
    content = sample.content
    if name == "MVIEW":  # the sound is in the same file
        xyz = {s: trajectory.select([f"{s}.{axis}" for axis in "xyz"]).positions for s in SOCKETS}
        signals = {s: (trajectory.rate_hz, values) for s, values in xyz.items()}
        content = foreign.mview({"AUDIO": (16000.0, silence[:, None]), **signals})
    (tmp_path / f"a{sample.suffix}").write_bytes(content)
    (tmp_path / "a.wav").write_bytes(foreign.riff(silence, 16000))
    seen = survey(tmp_path / f"a{sample.suffix}")
    with pytest.raises(ArticulensError, match=r"recipe\.yaml"):
        (tmp_path / "recipe.yaml").write_text("name: mine\n" + seen.recipe())
        open_corpus(tmp_path / "recipe.yaml")
    axes = {"x": f"+{seen.axes[0]}", "z": f"+{seen.axes[-1]}"}
    begun = seen.recipe().replace("# defaults: {language: ?", "defaults: {language: fi")
    whole = {"name": "mine", "channels": {"TT": "MNI"}, **yaml.safe_load(begun), "axes": axes}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(whole))
    opened = open_corpus(tmp_path / "recipe.yaml")
    assert len(opened) == 1 and len(opened.read_trajectory(opened.utterances[0])) == len(trajectory)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pos", b"", "the file is empty"),
        ("a.bin", bytes(range(256)) * 8, "beginning of no known format"),
        ("a.txt", b"Dear reader,\nthese are no positions.\n", "beginning of no known format"),
        ("a.csv", b"time,word\n0,a\n1,b\n", "no column holds a position"),
        ("a.wav", foreign.riff(np.zeros(99), 16000), "beginning of no known format"),
    ],
)
def test_what_holds_no_positions_is_refused_in_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArticulensError, match=message) as told:
        survey(tmp_path / name)
    assert "\n" not in str(told.value)
    with pytest.raises(ArticulensError, match="no file holds positions"):
        survey_folder(tmp_path)
    with pytest.raises(ArticulensError, match="reader 'mystery' cannot list"):
        survey(tmp_path / name, reader="mystery")


def test_damaged_files_are_refused_or_seen(tmp_path, bundled):
    trajectory = wide(bundled.read_trajectory(bundled.utterances[0]))
    rng = np.random.default_rng(0)
    for sample in foreign.samples(trajectory).values():
        path = tmp_path / f"a{sample.suffix}"
        for _ in range(25):
            content = bytearray(sample.content[: rng.integers(1, 1500)])
            content[rng.integers(len(content))] = rng.integers(256)
            path.write_bytes(content)
            try:
                survey(path)
            except ArticulensError as error:
                assert str(path) in str(error)


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not beside the project")
def test_real_files():
    for file, reader, told_by, channels in (
        ("ag501-binary-ema2wav/0023.pos", "carstens-binary", "places",
         {"TT": 7, "TB": 6, "TD": 5, "UL": 8, "LL": 9, "JAW": 4}),  # chin
        ("ag501-both-greek/0022.txt", "carstens-ascii", "places",
         {"TT": 5, "TB": 4, "TD": 3, "UL": 6, "LL": 7, "JAW": 8}),  # whose notes call the rearmost TB
        ("ag501-ascii-artpros/PGU-CD/pos/0030.txt", "carstens-ascii", "places", {"TT": 9, "UL": 5, "LL": 6, "JAW": 16}),
        ("mview-hprc-F01/F01_B01_S01_R01_N.mat", "mview", "names",
         {"TT": "TT", "TB": "TB", "TD": "TR", "UL": "UL", "LL": "LL", "JAW": "JAW"}),
        ("ndi-jawangle/sub003_oe_BPC.tsv", "ndi-wave", "", {}),
        ("parser-fixtures-artk/esttrack.bin", "est-track", "", {}),
    ):  # fmt: skip
        seen = survey(RECORDINGS / file)
        assert (seen.reader, seen.told_by, seen.channels) == (reader, told_by, channels), file
    assert survey_folder(RECORDINGS / "ag501-binary-ema2wav").path.name == "0023.pos"
    assert survey_folder(RECORDINGS / "ssff-ag500-emu").reader == "ssff"
    assert recognise(RECORDINGS / "ndi-ematoblender/Example3.tsv") == "ndi-wave"


def test_the_command(tmp_path, bundled):
    (tmp_path / "a.pos").write_bytes(sweep(bundled.read_trajectory(bundled.utterances[0])))
    shown = CliRunner().invoke(app, ["corpus", "look", str(tmp_path)])
    assert shown.exit_code == 0 and "extends: carstens-folder\nchannels: {TT: 7, TB: 9" in shown.stdout
    told = json.loads(CliRunner().invoke(app, ["corpus", "look", str(tmp_path / "a.pos"), "--json"]).stdout)
    assert told["channels"] == SOCKETS and told["sensors"][1]["is"] == "empty" and told["sensors"][1]["mean_X"] is None
    absent = CliRunner().invoke(app, ["corpus", "look", str(tmp_path / "b.pos")])
    assert absent.exit_code != 0
