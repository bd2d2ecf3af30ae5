"""Conversion is exact to what it says, and the commands say what they did."""

import json
import re

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from articulens.cli import app
from articulens.corpora import foreign, open_corpus
from articulens.corpora.convert import convert
from articulens.errors import ArticulensError

run = CliRunner()


@pytest.mark.parametrize(
    ("suffix", "resolution", "tolerance"),
    [(".parquet", None, 2e-6), (".csv", None, 1e-6), (".parquet", 0.005, 0.0025), (".csv", 0.01, 0.005)],
)
def test_exact_to_the_stated_precision(frost_root, tmp_path, suffix, resolution, tolerance):
    corpus = open_corpus(f"frost:{frost_root}")
    lines = []
    assert convert(corpus, tmp_path / "new", suffix=suffix, resolution_mm=resolution, say=lines.append) == []
    again = open_corpus(f"tabular:{tmp_path / 'new'}")
    assert again.verify() > 0 and lines == ["fin_kh5_f: written", "rus_kh18_m: written"]
    assert (again.name, again.licence) == (corpus.name, corpus.licence)
    columns = ["id", "speaker", "language", "condition", "task", "sentence", "l1", "sex"]
    assert again.to_frame()[columns].to_dict() == corpus.to_frame()[columns].to_dict()
    for before, after in zip(corpus, again, strict=True):
        sound, rate_hz, one = corpus.read(before)
        same, same_hz, other = again.read(after)
        np.testing.assert_array_equal(sound, same)
        other = other.select(one.channels)
        assert rate_hz == same_hz
        assert other.rate_hz == pytest.approx(one.rate_hz, rel=1e-9) and other.start_s == one.start_s
        np.testing.assert_allclose(other.positions, one.positions, rtol=0, atol=tolerance * 1.001)


def test_gaps_drift_labels_and_sound_without_a_file(tmp_path):
    n = 200
    positions = np.cumsum(np.random.default_rng(0).normal(0, 0.1, (n, 6)), axis=0).astype(np.float32)
    positions[20:30] = np.nan
    sound = np.random.default_rng(1).normal(0, 0.1, (32000, 1)).astype(np.float32)
    folder = tmp_path / "mat"
    folder.mkdir()
    content = foreign.mview({"AUDIO": (16000, sound), "TT": (100, positions), "UL": (100, positions)})
    (folder / "F01_B01_S01_R01_N.mat").write_bytes(content)
    convert(open_corpus(f"hprc:{folder}"), tmp_path / "new")
    again = open_corpus(f"tabular:{tmp_path / 'new'}")
    samples, rate_hz, trajectory = again.read(again.utterances[0])
    np.testing.assert_array_equal(samples, sound[:, 0])
    assert soundfile.info(again.utterances[0].audio).subtype == "FLOAT" and rate_hz == 16000
    np.testing.assert_array_equal(trajectory.positions[:, :3], positions[:, :3].astype(np.float64))


def test_what_cannot_be_converted(tabular_root, tmp_path):
    corpus = open_corpus(f"tabular:{tabular_root}")
    with pytest.raises(ArticulensError, match="there is something already"):
        convert(corpus, tabular_root)
    with pytest.raises(ArticulensError, match=r"'\.xlsx' is no form of tables"):
        convert(corpus, tmp_path / "new", suffix=".xlsx")
    for resolution in (0, -1, np.nan, np.inf):
        with pytest.raises(ArticulensError, match="cannot be rounded to multiples of"):
            convert(corpus, tmp_path / "new", resolution_mm=resolution)
    corpus.utterances[0].positions.write_bytes(b"broken")
    with pytest.raises(ArticulensError, match=corpus.utterances[0].positions.name):
        convert(corpus, tmp_path / "one")
    left_out = convert(corpus, tmp_path / "two", skip_bad=True)
    assert len(left_out) == 1 and left_out[0].startswith(corpus.utterances[0].id)
    assert len(open_corpus(f"tabular:{tmp_path / 'two'}")) == 3


def test_ids_that_no_file_can_carry(tabular_root, tmp_path):
    manifest = tabular_root / "manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text.replace("anna_fi_1,anna", "../../évil:*,anna"))
    convert(open_corpus(f"tabular:{tabular_root}"), tmp_path / "new")
    again = open_corpus(f"tabular:{tmp_path / 'new'}")
    assert "../../évil:*" in {u.id for u in again} and len(again) == 4
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} >= {"new", "four"}
    manifest.write_text(text.replace("anna_fi_1,anna", "boris_FI_1,anna"))
    with pytest.raises(ArticulensError, match="would give files of the same name"):
        convert(open_corpus(f"tabular:{tabular_root}"), tmp_path / "other")


def test_commands(tabular_root, tmp_path):
    checked = run.invoke(
        app, ["corpus", "check", str(tabular_root), "--no-lag", "--html", str(tmp_path / "r.html"), "--json"]
    )
    told = json.loads(checked.stdout)
    assert checked.exit_code == (0 if told["usable"] else 1)
    assert "<h1>four</h1>" in (tmp_path / "r.html").read_text()
    shown = run.invoke(app, ["corpus", "check", f"tabular:{tabular_root}", "--no-lag"])
    assert "4 recordings" in shown.stdout
    assert (
        run.invoke(app, ["corpus", "convert", str(tabular_root), str(tmp_path / "new"), "--format", "csv"]).exit_code
        == 0
    )
    assert len(open_corpus(f"tabular:{tmp_path / 'new'}")) == 4
    asked = run.invoke(app, ["corpus", "fetch", "mngu0"])
    assert asked.exit_code == 0 and "No open download is known: ask Korin Richmond" in asked.stdout
    refused = run.invoke(app, ["corpus", "fetch", "mocha", str(tmp_path / "m")], input="n\n")
    assert isinstance(refused.exception, ArticulensError) and not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check", "ROOT", "--html", "ROOT"], "this is a folder, expected the name of a page"),
        (
            ["check", "ROOT", "--no-lag", "--html", "ROOT/manifest.csv/a.html"],
            r"manifest\.csv/a\.html: cannot be written",
        ),
        (["check", "ROOT", "--no-lag", "--html", "ROOT/" + 300 * "a"], r"cannot be written \(File name too long\)"),
        (["check", "ROOT", "--rate-hz", "inf"], "'rate_hz' is inf"),
        (["check", "ROOT/nowhere"], "there is no such folder or recipe"),
        (["convert", "ROOT", "ROOT/manifest.csv"], "there is something already"),
    ],
)
def test_what_a_command_cannot_do_is_one_sentence(tabular_root, words, says):
    result = run.invoke(app, ["corpus", *(word.replace("ROOT", str(tabular_root)) for word in words)])
    assert isinstance(result.exception, ArticulensError), result.exception
    assert re.search(says, str(result.exception)) and "\n" not in str(result.exception)


def test_check_needs_to_know_what_a_folder_is(frost_root):
    result = run.invoke(app, ["corpus", "check", str(frost_root)])
    assert "say what it is, such as 'carstens-folder:" in str(result.exception)
