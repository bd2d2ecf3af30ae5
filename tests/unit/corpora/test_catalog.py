import os
import shutil

import numpy as np
import pytest
import soundfile

import articulens.corpora.catalog as catalog
from articulens.corpora import (
    Trajectory,
    Utterance,
    known_corpora,
    load_recipe,
    open_corpus,
    open_recipe,
    register_corpus,
    write_checksums,
    write_manifest,
    write_trajectory,
)
from articulens.corpora.integrity import hash_files
from articulens.errors import ArticulensError


def test_tabular_corpus(tabular_root):
    corpus = open_corpus(f"tabular:{tabular_root}")
    assert (corpus.name, len(corpus), corpus.speakers) == ("four", 4, ("anna", "boris"))
    assert [u.id for u in corpus] == ["anna_fi_1", "anna_ru_1", "boris_fi_1", "boris_ru_2"]
    first = corpus.utterances[0]
    assert (first.text, first.meta) == ("a text, with a comma", {"l1": "fi", "alpha": 0.5})
    samples, rate_hz, trajectory = corpus.read(first)
    assert (samples.shape, samples.dtype, rate_hz) == ((16000,), np.float32, 16000)
    assert (len(trajectory), trajectory.rate_hz, trajectory.channels[0]) == (200, 200.0, "TT.x")
    np.testing.assert_array_equal(corpus.read_trajectory(first).positions, trajectory.positions)


def test_select(tabular_root):
    corpus = open_corpus(f"tabular:{tabular_root}")
    assert [u.id for u in corpus.select(language="fi")] == ["anna_fi_1", "boris_fi_1"]
    assert [u.id for u in corpus.select(l1="ru", sentence=["ru_1", "ru_2"])] == ["boris_ru_2"]
    assert len(corpus.select(alpha=0.5)) == 4
    with pytest.raises(ArticulensError, match="no column 'langage'; did you mean 'language'"):
        corpus.select(langage="fi")
    with pytest.raises(ArticulensError, match="corpus 'four' has no speaker 'ana'; did you mean 'anna'"):
        corpus.select(speaker=["ana"])
    with pytest.raises(ArticulensError, match="no utterance with all of"):
        corpus.select(speaker="anna", sentence="ru_2")


def test_frame(tabular_root):
    frame = open_corpus(f"tabular:{tabular_root}").to_frame()
    assert frame.columns.tolist() == [
        "id",
        "speaker",
        "language",
        "condition",
        "task",
        "sentence",
        "text",
        "audio",
        "positions",
        "labels",
        "l1",
        "alpha",
    ]
    assert frame["audio"].tolist()[0] == "audio/anna_fi_1.flac"


def test_fingerprint_follows_the_bytes_not_the_place(tabular_root, tmp_path):
    corpus = open_corpus(f"tabular:{tabular_root}")
    before = corpus.fingerprint()
    copy = shutil.copytree(tabular_root, tmp_path / "elsewhere")
    assert open_corpus(f"tabular:{copy}").fingerprint() == before
    assert corpus.select(speaker="anna").fingerprint() != before
    assert open_corpus(f"tabular:{tabular_root}", rate_hz=201).fingerprint() != before
    path = corpus.utterances[1].positions
    path.write_text(path.read_text().replace("TT.x", "JAW.x"))
    assert corpus.fingerprint() != before


def test_large_files_are_hashed_once(tmp_path, monkeypatch):
    path = tmp_path / "large"
    path.write_bytes(b"a" * (1 << 20))
    os.utime(path, ns=(10**18, 10**18))
    (first,) = hash_files([path])
    monkeypatch.setattr("articulens.corpora.integrity.sha256_file", lambda path: "hashed again")
    assert hash_files([path]) == [first]
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert hash_files([path]) == ["hashed again"]


def test_verify(tabular_root):
    corpus = open_corpus(f"tabular:{tabular_root}")
    with pytest.raises(ArticulensError, match="SHA256SUMS: the list of checksums cannot be read"):
        corpus.verify()
    write_checksums(tabular_root)
    assert corpus.verify() == 9
    path = corpus.utterances[0].audio
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(ArticulensError, match=r"anna_fi_1\.flac: its SHA-256 is .* the file has changed"):
        corpus.verify()
    path.unlink()
    with pytest.raises(ArticulensError, match=r"anna_fi_1\.flac: listed in SHA256SUMS but cannot be read"):
        corpus.verify()


def test_bundled_is_found_and_verified(tabular_root, tmp_path, monkeypatch):
    monkeypatch.setenv("ARTICULENS_DATA", str(tmp_path / "data"))
    with pytest.raises(ArticulensError, match=r"bundled: the bundled corpus is not there; .*ARTICULENS_DATA"):
        open_corpus("bundled")
    root = shutil.copytree(tabular_root, tmp_path / "data" / "bundled")
    (root / "corpus.yaml").write_text("name: bundled\nlicence: CC0\ncard: CARD.md\n")
    write_checksums(root)
    corpus = open_corpus("bundled")
    assert (corpus.name, len(corpus), corpus.licence, corpus.card) == ("bundled", 4, "CC0", root / "CARD.md")
    (root / "manifest.csv").write_text((root / "manifest.csv").read_text().replace("boris", "borys"))
    with pytest.raises(ArticulensError, match=r"manifest\.csv: its SHA-256 is"):
        open_corpus("bundled")
    with pytest.raises(ArticulensError, match="corpus 'bundled' takes no folder"):
        open_corpus("bundled:/somewhere")


def test_unknown_corpus(tmp_path):
    with pytest.raises(ArticulensError, match="there is no corpus 'frots'; did you mean 'frost'"):
        open_corpus("frots:/recordings")
    with pytest.raises(ArticulensError, match="a folder is opened as 'tabular:"):
        open_corpus(str(tmp_path))
    with pytest.raises(ArticulensError, match="corpus 'frost' needs a folder; write it as 'frost:FOLDER'"):
        open_corpus("frost")
    with pytest.raises(ArticulensError, match="nowhere: there is no such folder"):
        open_corpus(f"frost:{tmp_path / 'nowhere'}")
    with pytest.raises(ArticulensError, match="no utterances were found"):
        open_corpus(f"frost:{tmp_path}")


def test_plugins(tabular_root, monkeypatch):
    monkeypatch.setattr(catalog, "_OPENERS", dict(catalog._OPENERS))

    def opener(path, *, rate_hz, skip_bad):
        assert path == "there"
        return open_recipe(load_recipe("tabular"), tabular_root, rate_hz=rate_hz, skip_bad=skip_bad)

    register_corpus("mine", opener)
    register_corpus("mine", opener)  # again, as a notebook cell that is run twice does
    assert len(open_corpus("mine:there")) == 4 and "mine" in known_corpora()
    with pytest.raises(ArticulensError, match="a corpus named 'mine' is already registered"):
        register_corpus("mine", lambda path, **options: None)
    with pytest.raises(ArticulensError, match="a corpus named 'frost' is already registered"):
        register_corpus("frost", opener)
    with pytest.raises(ArticulensError, match="'a:b' cannot name a corpus"):
        register_corpus("a:b", opener)


def test_plugins_by_entry_point(monkeypatch):
    from importlib.metadata import EntryPoint

    points = [
        EntryPoint("good", "articulens.corpora.catalog:_open_bundled", "articulens.corpora"),
        EntryPoint("bad", "no_such_module:x", "articulens.corpora"),
    ]
    monkeypatch.setattr(catalog, "entry_points", lambda group, name=None: [p for p in points if name in (None, p.name)])
    assert {"good", "bad"} <= set(known_corpora())
    with pytest.raises(ArticulensError, match="takes no folder, but 'there' was given"):
        open_corpus("good:there")  # reaches the function that the entry point names
    with pytest.raises(ArticulensError, match="corpus 'bad': its plug-in no_such_module:x cannot be loaded"):
        open_corpus("bad")


def one_utterance(tmp_path, positions_s, audio_s, rate_hz=200.0):
    root = tmp_path / "one"
    (root / "a").mkdir(parents=True)
    soundfile.write(root / "a" / "u.wav", np.zeros(round(audio_s * 16000)), 16000)
    samples = round(positions_s * rate_hz)
    write_trajectory(root / "a" / "u.csv", Trajectory(np.ones((samples, 1)), ("TT.x",), rate_hz))
    utterance = Utterance("u", "s", "fi", "L1", "T1", "1", None, root / "a" / "u.wav", root / "a" / "u.csv")
    write_manifest(root, [utterance])
    return open_corpus(f"tabular:{root}")


@pytest.mark.parametrize("positions_s", [3.6, 4.4])
def test_lengths_that_differ_too_much(tmp_path, positions_s):
    corpus = one_utterance(tmp_path, positions_s, 4.0)
    message = rf"u\.csv: the positions last {positions_s:.2f} s at 200 Hz but the audio 4\.00 s, more than the 0\.3 s"
    with pytest.raises(ArticulensError, match=message):
        corpus.read_trajectory(corpus.utterances[0])
    with pytest.raises(ArticulensError, match=message):
        corpus.read(corpus.utterances[0])


@pytest.mark.parametrize("positions_s", [3.71, 4.0, 4.29])
def test_lengths_that_differ_a_little(tmp_path, positions_s):
    corpus = one_utterance(tmp_path, positions_s, 4.0)
    assert corpus.read_trajectory(corpus.utterances[0]).rate_hz == 200.0


def test_wrong_rate_names_the_one_that_fits(frost_root):
    corpus = open_corpus(f"frost:{frost_root}", rate_hz=250)
    with pytest.raises(
        ArticulensError,
        match=r"A_T1_01\.txt: the positions last 5\.00 s at 250 Hz but the audio 1\.00 s; 1250 Hz would fit",
    ):
        corpus.read_trajectory(corpus.utterances[0])


def test_drifting_clocks_are_rescaled_when_the_recipe_says_so(frost_root):
    corpus = open_corpus(f"frost:{frost_root}")
    utterance = corpus.utterances[0]
    soundfile.write(utterance.audio, np.zeros(16080), 16000)  # 0.5 % longer than the positions
    trajectory = corpus.read_trajectory(utterance)
    assert trajectory.rate_hz == pytest.approx(1250 / 1.005)
    assert trajectory.duration_s == pytest.approx(1.005)
    soundfile.write(utterance.audio, np.zeros(17920), 16000)  # 12 %
    with pytest.raises(ArticulensError, match=r"1\.12 s, more than the 0\.1 s they may differ by"):
        corpus.read_trajectory(utterance)


def test_missing_audio_partner(frost_root):
    (frost_root / "fin_kh5_f" / "wav" / "A_T1_01.wav").unlink()
    message = r"A_T1_01\.txt: the audio file is missing, expected one with the same speaker and stem"
    with pytest.raises(ArticulensError, match=message):
        open_corpus(f"frost:{frost_root}")
    corpus = open_corpus(f"frost:{frost_root}", skip_bad=True)
    assert len(corpus) == 5 and "the audio file is missing" in corpus.skipped[0]


def test_two_audio_partners(frost_root):
    wav = frost_root / "fin_kh5_f" / "wav"
    shutil.copy(wav / "A_T1_01.wav", wav / "A_T1_01.WAV")
    with pytest.raises(ArticulensError, match=r"A_T1_01\.txt: 2 audio files fit \("):
        open_corpus(f"frost:{frost_root}")


def test_duplicate_ids(frost_root, tabular_root):
    pos = frost_root / "fin_kh5_f" / "pos"
    shutil.copy(pos / "A_T1_01.txt", pos / "A_T1_01.pos")
    with pytest.raises(ArticulensError, match=r"A_T1_01\.txt: the id 'fin_kh5_f_A_T1_01' is already that of .*\.pos"):
        open_corpus(f"frost:{frost_root}")
    manifest = tabular_root / "manifest.csv"
    manifest.write_text(manifest.read_text() + manifest.read_text().splitlines()[1] + "\n")
    with pytest.raises(ArticulensError, match=r"manifest\.csv row 6: the id 'anna_fi_1' is already that of"):
        open_corpus(f"tabular:{tabular_root}")


def test_manifest_names_a_file_that_is_not_there(tabular_root):
    (tabular_root / "audio" / "boris_ru_2.flac").unlink()
    with pytest.raises(ArticulensError, match=r"boris_ru_2\.flac: there is no such file, though .*row 5 names it"):
        open_corpus(f"tabular:{tabular_root}")
    assert len(open_corpus(f"tabular:{tabular_root}", skip_bad=True)) == 3


def test_manifest_with_an_empty_cell(tabular_root):
    manifest = tabular_root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("boris_ru_2,boris,ru", "boris_ru_2,boris,"))
    with pytest.raises(ArticulensError, match=r"manifest\.csv row 5: nothing says the language"):
        open_corpus(f"tabular:{tabular_root}")


def test_one_bad_file_does_not_lose_the_others(tabular_root):
    corpus = open_corpus(f"tabular:{tabular_root}")
    corpus.utterances[1].positions.write_text("")
    read = []
    for utterance in corpus:
        try:
            corpus.read(utterance)
            read.append(utterance.id)
        except ArticulensError as error:
            assert "anna_ru_1.csv: the file is empty" in str(error)
    assert read == ["anna_fi_1", "boris_fi_1", "boris_ru_2"]


def test_no_labels(tabular_root):
    corpus = open_corpus(f"tabular:{tabular_root}")
    with pytest.raises(ArticulensError, match="utterance 'anna_fi_1' has no labels; add a column 'labels'"):
        corpus.read_intervals(corpus.utterances[0])
