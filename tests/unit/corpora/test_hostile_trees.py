"""Corpora that try to lead out of their folder, or to fill the memory."""

import os

import numpy as np
import pytest

from articulens.corpora import foreign, open_corpus, read_audio, read_intervals
from articulens.corpora.audio import audio_duration
from articulens.errors import ArticulensError


@pytest.mark.parametrize(
    "path",
    ["../outside.csv", "/etc/passwd", "audio/../../outside.csv", "link.csv", "folder/outside.csv", "a\0b", "x" * 5000],
)
def test_a_manifest_cannot_lead_out(tabular_root, path):
    (tabular_root.parent / "outside.csv").write_text("time_s,TT.x\n0,1\n1,2\n")
    (tabular_root / "link.csv").symlink_to(tabular_root.parent / "outside.csv")
    (tabular_root / "folder").symlink_to(tabular_root.parent)
    manifest = tabular_root / "manifest.csv"
    lines = manifest.read_text().splitlines()
    lines[1] = lines[1].replace("positions/anna_fi_1.parquet", path)
    assert path in lines[1]
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        ArticulensError, match=r"row 2: '.*' leads out|not a possible path|line contains NUL|there is no such file"
    ):
        open_corpus(f"tabular:{tabular_root}")


def test_patterns_do_not_follow_links_out(frost_root):
    open_corpus(f"frost:{frost_root}")
    secret = frost_root.parent / "secret.wav"
    audio = frost_root / "fin_kh5_f" / "wav" / "A_T1_01.wav"
    audio.rename(secret)
    audio.symlink_to(secret)
    with pytest.raises(ArticulensError, match="leads out of the folder"):
        open_corpus(f"frost:{frost_root}")
    rest = open_corpus(f"frost:{frost_root}", skip_bad=True)
    assert len(rest) == 5 and "leads out of the folder" in rest.skipped[0]


def test_links_to_folders_outside_are_not_walked(frost_root):
    (frost_root / "everything").symlink_to("/")
    with pytest.raises(ArticulensError, match="'everything' leads out of the folder"):
        open_corpus(f"frost:{frost_root}")
    (frost_root / "everything").unlink()
    (frost_root / "again").symlink_to(frost_root)
    assert len(open_corpus(f"frost:{frost_root}")) == 6


def test_a_folder_s_own_recipe_cannot_lead_out(tabular_root):
    (tabular_root / "corpus.yaml").write_text("manifest: ../../../etc/passwd\n")
    with pytest.raises(ArticulensError, match="leads out of the folder"):
        open_corpus(f"tabular:{tabular_root}")


def test_links_within_the_folder_and_to_the_folder_are_welcome(tabular_root, tmp_path):
    (tabular_root / "positions" / "copy.parquet").symlink_to(tabular_root / "positions" / "anna_fi_1.parquet")
    manifest = tabular_root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("positions/anna_fi_1.parquet", "positions/copy.parquet"))
    (tmp_path / "elsewhere").symlink_to(tabular_root)
    assert len(open_corpus(f"tabular:{tmp_path / 'elsewhere'}")) == 4


def test_checksums_are_not_computed_outside(tabular_root):
    (tabular_root / "SHA256SUMS").write_text("0" * 64 + "  ../../../etc/passwd\n")
    with pytest.raises(ArticulensError, match="leads out of the folder"):
        open_corpus(f"tabular:{tabular_root}").verify()


def test_ten_gigabytes_of_silence(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(foreign.riff(np.zeros(100), 16000))
    os.truncate(path, 10 << 30)
    for read in (read_audio, audio_duration):
        with pytest.raises(ArticulensError, match=r"10\.7 GB, expected at most 2\.1 GB"):
            read(path)


@pytest.mark.parametrize("name", ["manifest.csv", "corpus.yaml", "SHA256SUMS", "labels.lab", "labels.TextGrid"])
def test_ten_gigabytes_of_text(tabular_root, name):
    path = tabular_root / name
    path.touch()
    os.truncate(path, 10 << 30)
    with pytest.raises(ArticulensError, match=r"10\.7 GB, expected at most 0\.067 GB"):
        if name.startswith("labels"):
            read_intervals(path)
        open_corpus(f"tabular:{tabular_root}").verify()


@pytest.mark.parametrize("name", ["manifest.csv", "recipe.yaml"])
def test_no_pipe_is_waited_for(tabular_root, name):
    (tabular_root / name).unlink(missing_ok=True)
    os.mkfifo(tabular_root / name)
    with pytest.raises(ArticulensError, match="this is no ordinary file"):
        open_corpus(f"{tabular_root / name}" if name.endswith("yaml") else f"tabular:{tabular_root}")


def test_a_recipe_that_stands_for_gigabytes(tmp_path):
    lines = ["l0: &l0 {a: x}", *(f"l{i}: &l{i} {{a: *l{i - 1}, b: *l{i - 1}}}" for i in range(1, 40))]
    (tmp_path / "a.yaml").write_text("\n".join([*lines, "speakers: *l39\n"]))
    with pytest.raises(ArticulensError, match=r"a\.yaml: refers to itself by '\*'"):
        open_corpus(tmp_path / "a.yaml")


def test_a_recipe_cannot_run_code(tmp_path):
    (tmp_path / "a.yaml").write_text(f"name: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n")
    with pytest.raises(ArticulensError, match="not valid YAML"):
        open_corpus(tmp_path / "a.yaml")
    assert not (tmp_path / "ran").exists()


def test_broken_headers_seen_in_the_wild(tmp_path):
    sound = np.sin(np.arange(16000) / 20) / 2
    for name, content in {
        "rate.wav": foreign.riff(sound, 16000, bytes_a_second=69),
        "long.wav": foreign.riff(sound, 16000, too_long=2656),
        "nist.wav": foreign.sphere(sound, 16000),
    }.items():
        (tmp_path / name).write_bytes(content)
        samples, rate_hz = read_audio(tmp_path / name)
        assert rate_hz == 16000
        np.testing.assert_allclose(samples, sound, atol=1e-4)
