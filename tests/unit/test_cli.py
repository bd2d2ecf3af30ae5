"""The command line, as a user types it."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from articulens import cli
from articulens.errors import ArticulensError
from articulens.evaluation.scores import COLUMNS, read_scores


def call(*words: object) -> str:
    result = CliRunner().invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_lists_what_can_be_opened():
    assert {"bundled", "frost", "tabular"} <= {row["name"] for row in json.loads(call("corpus", "list", "--json"))}
    names = {row["name"] for row in json.loads(call("models", "--json"))}
    assert {"wav2vec2-large", "mms-300m", "xlsr-53", "xls-r-300m"} <= names
    assert "frost" in call("corpus", "list")


def test_describes_a_corpus(toy_root):
    about = json.loads(call("corpus", "describe", f"tabular:{toy_root}", "--json"))
    assert (about["utterances"], len(about["speakers"]), about["sentences"]) == (24, 4, 6)
    assert about["rate_hz"] == 200
    assert sum(cell["utterances"] for cell in about["cells"]) == 24
    assert "TT.x" in call("corpus", "describe", f"tabular:{toy_root}")


def test_probes_and_writes_the_tidy_table(toy_root, tmp_path):
    out = tmp_path / "new folder" / "scores.csv"
    words = ["probe", "--corpus", f"tabular:{toy_root}", "--model", "logmel", "--model", "mfcc",
             "--protocol", "loso", "--protocol", "utterance", "--reading", "measured", "--reading", "rolled",
             "--by", "language", "--folds", 3, "--out", out, "--cache", tmp_path / "cache"]  # fmt: skip
    said = json.loads(call(*words, "--json"))
    scores = read_scores(out)
    assert list(scores.columns) == list(COLUMNS)
    assert said["rows"] == len(scores) == 2 * 2 * 4 * 2 * 20  # models, protocols, speakers, languages, targets
    assert set(scores.probe) == {"ridge"} and set(scores.language) == {"fi", "ru"}
    assert said["left_out"] == []
    best = {(row["model"], row["protocol"], row["target"]): row["mean"] for row in said["summary"]}
    assert best["logmel", "loso", "measured"] > best["logmel", "loso", "rolled"] + 0.3
    assert "95 %" in call(*words[:5], "--alpha", "ols", "--out", out, "--cache", tmp_path / "cache", "--folds", 3)


def test_runs_one_layer_only(toy_root, tmp_path):
    out = tmp_path / "s.parquet"
    call("probe", "--corpus", f"tabular:{toy_root}", "--model", "wav2vec2-tiny@random", "--layer", "1", "--protocol",
         "loso", "--alpha", 5, "--out", out, "--cache", tmp_path)  # fmt: skip
    scores = read_scores(out)
    assert set(scores.layer) == {"1"} and set(scores.probe) == {"ridge(5)"}
    assert scores.alpha.to_numpy() == pytest.approx(5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["corpus", "describe", "bundeld"], "did you mean 'bundled'"),
        (["corpus", "describe", "tabular:/nowhere"], "/nowhere"),
        (["probe", "--protocol", "losso"], "did you mean 'loso'"),
        (["probe", "--corpus", "TOY", "--model", "logmell"], "logmel"),
        (["probe", "--corpus", "TOY", "--model", "wav2vec2-tiny@random", "--layer", "12"], "12"),
        (["probe", "--corpus", "TOY", "--alpha", "much"], "--alpha 'much'"),
        (["probe", "--corpus", "TOY", "--by", "dialect"], "no column 'dialect'"),
        (["probe", "--out", "scores.xlsx"], r"parquet or \.csv"),
        (["probe", "--corpus", "TOY", "--folds", "99", "--protocol", "sentence"], "cannot fill 99 folds"),
        (["run", "99_no_such_notebook"], "99_no_such_notebook"),
        (["run", "02_map_layers_and_sensors", "-p", "protocl", "loso"], "protocol"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words, says, toy_root, tmp_path, monkeypatch):
    words = [word.replace("TOY", f"tabular:{toy_root}") for word in words]
    if words[0] == "probe":
        words += ["--cache", str(tmp_path)]
    with pytest.raises(ArticulensError, match=says) as error:
        CliRunner().invoke(cli.app, cli._pairs(words), catch_exceptions=False)
    assert str(error.value).count("\n") == 0


def test_an_error_has_no_traceback_and_status_2():
    result = subprocess.run(
        [sys.executable, "-m", "articulens.cli", "corpus", "describe", "nothing"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.startswith("articulens: ") and "Traceback" not in result.stderr
    result = subprocess.run(
        [sys.executable, "-m", "articulens.cli", "--debug", "corpus", "describe", "nothing"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and "Traceback" in result.stderr


def test_what_the_disk_refuses_is_one_sentence(monkeypatch, capsys):
    def refuse(words):
        raise PermissionError(13, "Permission denied", "/closed/place")

    monkeypatch.setattr(cli, "app", refuse)
    monkeypatch.setattr(sys, "argv", ["articulens", "corpus", "list"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert told == "articulens: /closed/place: Permission denied; check the path and its permissions.\n"


def test_help_does_not_load_torch():
    code = "import sys, articulens.cli; print('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_pairs_are_spelled_as_papermill_does():
    assert cli._pairs(["run", "a", "-p", "x", "1", "-p", "y=2", "--force"]) == [
        "run",
        "a",
        "-p",
        "x=1",
        "-p",
        "y=2",
        "--force",
    ]
    assert cli._pairs(["run", "-p"]) == ["run", "-p"]
