"""The chapters run on FROST-EMA as it is laid out: on a tree written here, with sound that goes with its positions."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile

from articulens.corpora import open_corpus
from articulens.publishing import run_notebooks
from articulens.publishing.parameters import read_params_file

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
AUDIO_HZ, EMA_HZ, SOCKETS = 48_000, 1250, 16
SPEAKERS = ("fin_kh1_m", "fin_kh5_f", "rus_kh2_f", "rus_kh18_m")
SENSORS = {"UL": 12, "LL": 13, "TT": 7, "TB": 9, "TD": 8}
MOVED = {"fin_kh5_f": {"TT": 14}, "rus_kh18_m": {"TD": 14}}
FIELDS = ("X", "Y", "Z", "phi", "theta", "RMS", "Extra")


def sockets(speaker):
    return {**SENSORS, **MOVED.get(speaker, {})}


def write_utterance(root: Path, speaker: str, stem: str, seconds: float) -> np.ndarray:
    """Write sound in two bands, and sensors that follow their loudness; return the sensors' X and Z."""
    mixing = 3 * np.random.default_rng(7).normal(size=(2, 2 * len(SENSORS)))
    rng = np.random.default_rng([len(stem), *speaker.encode(), *stem.encode()])
    phase, mixing = rng.uniform(0, 6, 2), mixing + 0.3 * np.random.default_rng([*speaker.encode()]).normal(size=(2, 10))
    gain = lambda t: 0.5 + 0.4 * np.sin(2 * np.pi * np.outer(t, [2.3, 3.1]) + phase)  # noqa: E731
    clock, ema = np.arange(round(seconds * AUDIO_HZ)) / AUDIO_HZ, np.arange(round(seconds * EMA_HZ)) / EMA_HZ
    sound = (gain(clock) * np.sin(2 * np.pi * np.outer(clock, [440, 2500]))).sum(1) * 0.3
    track = np.round(gain(ema) @ mixing + [80, 20, 82, 0, 70, 10, 50, 15, 30, 12], 2)  # x, z of the five sensors
    table = np.zeros((len(ema), SOCKETS, len(FIELDS)))
    table[:, :, 5] = 3.0
    table[:, 13] = table[:, 6] = table[:, 7] = [611.0, -240.0, 502.0, 0, 0, 9000.0, 0]  # what a loose socket records
    for i, socket in enumerate(sockets(speaker).values()):
        table[:, socket - 1, [0, 2]] = track[:, 2 * i : 2 * i + 2]
        table[:, socket - 1, 5] = 3.0
    columns = [f"Ch{socket + 1}_{field}" for socket in range(SOCKETS) for field in FIELDS]
    for kind in ("pos", "wav"):
        (root / speaker / kind).mkdir(parents=True, exist_ok=True)
    pd.DataFrame(table.reshape(len(ema), -1), columns=columns).to_csv(
        root / speaker / "pos" / f"{stem}.txt", sep="\t", index=False, float_format="%.2f"
    )
    soundfile.write(root / speaker / "wav" / f"{stem}.wav", sound + 0.003 * rng.normal(size=len(clock)), AUDIO_HZ)
    return track


@pytest.fixture(scope="module")
def frost(tmp_path_factory):
    """Return the root of the tree and the tracks that were written, by speaker and stem."""
    root, tracks = tmp_path_factory.mktemp("FROST"), {}
    for speaker in SPEAKERS:
        for c, condition in enumerate("ABC"):
            for task in (1, 2, 3):
                stem = f"{condition}_T{task}_001"
                tracks[speaker, stem] = write_utterance(root, speaker, stem, 0.8 + 0.04 * c + 0.08 * task)
    return root, tracks


def test_the_tree_is_read_as_the_corpus(frost):
    root, tracks = frost
    corpus = open_corpus(f"frost:{root}")
    table = corpus.to_frame()
    assert len(corpus) == 36 and set(corpus.speakers) == set(SPEAKERS)
    assert set(table["condition"]) == {"L1", "accent", "L2"} and set(table["task"]) == {"T1", "T2", "T3"}
    second = table[(table["l1"] == "fi") & (table["condition"] == "L2")]
    assert set(second["language"]) == {"ru"}  # a Finn's second language
    for utterance in corpus:
        trajectory = corpus.read_trajectory(utterance)
        written = tracks[utterance.speaker, utterance.positions.stem]
        channels = [f"{sensor}.{axis}" for sensor in SENSORS for axis in "xz"]
        np.testing.assert_array_equal(trajectory.select(channels).positions, written)  # moved sockets too
        assert trajectory.rate_hz == EMA_HZ


def shown(path: Path) -> tuple[str, int, int]:
    """Return the printed text of an executed copy, how many figures it promises and how many it shows."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    text = "".join(output.get("text", "") for output in outputs)
    promised = sum(bool({"image", "figure"} & set(cell.metadata.get("mystnb", {}))) for cell in cells)
    return text, promised, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
def test_map_and_audit_run_with_the_frost_parameters(frost, tmp_path):
    given = {
        "corpus": f"frost:{frost[0]}", "folds": 3, "device": "cpu", "cache": str(tmp_path / "cache"),
        "results": str(tmp_path / "results"),
    }  # fmt: skip
    of_02 = {"models": ["logmel"], "focus": "logmel"}
    (run,) = run_notebooks(["02_map_layers_and_sensors"], given | of_02, "frost", out=tmp_path)
    text, promised, figures = shown(run.output)
    assert promised == figures == 4
    assert "36 utterances, 4 speakers, 6 sentences" in text and "at 1250 Hz" in text

    (run,) = run_notebooks(["06_audit_the_protocol"], given | {"model": "logmel"}, "frost", out=tmp_path)
    text, promised, figures = shown(run.output)
    assert promised == figures == 4
    assert "8 steps" in text and "Not shown: speech only; asked for as it was" in text
    scores = pd.read_csv(tmp_path / "results" / "06_audit_the_protocol.csv")
    means = scores[scores["target"] == "measured"].groupby(["quoted", "step"])["r"].mean()["mean at chosen layer"]
    # What is printed is what is in the table.
    total = re.search(r"The mean over channels goes from (\S+) \(published pipeline\) to (\S+) ", text)
    assert [float(number) for number in total.groups()] == pytest.approx(
        [means["published pipeline"], means["unknown speaker"]], abs=6e-4
    )
    assert set(scores["speaker"]) == set(SPEAKERS)
    assert means["exact resampling"] > means["z-scores of training speakers"] + 0.05  # zeros are far from 80 mm
    assert means["unknown speaker"] > 0.7


@pytest.mark.slow
def test_the_audit_says_what_one_speaker_with_one_sentence_cannot_show(frost, tmp_path):
    root, _ = frost
    lonely = tmp_path / "lonely"
    for kind, suffix in (("pos", "txt"), ("wav", "wav")):
        for stem in ("A_T1_001", "B_T1_001"):
            (lonely / "fin_kh1_m" / kind).mkdir(parents=True, exist_ok=True)
            path = Path("fin_kh1_m") / kind / f"{stem}.{suffix}"
            (lonely / path).write_bytes((root / path).read_bytes())
    given = {
        "corpus": f"frost:{lonely}", "model": "logmel", "device": "cpu", "cache": str(tmp_path / "cache"),
        "results": str(tmp_path / "results"),
    }  # fmt: skip
    (run,) = run_notebooks(["06_audit_the_protocol"], given, "frost", out=tmp_path)
    text, promised, figures = shown(run.output)
    assert promised == figures == 4
    for step in ("held-out sentences", "speech only", "unknown speaker"):
        assert f"Not shown: {step}; " in text
    assert "1 speaker(s) are too few for an interval" in text and "nothing can be said about speakers" in text


#: Small encoders in the place of large ones, whose weights no test can fetch.
STANDS_IN = {
    "wav2vec2-large": "logmel", "mms-300m": "wav2vec2-tiny@random", "mms-300m@random": "wav2vec2-tiny-stable@random",
    "xlsr-53": "mfcc", "xlsr-53-russian": "mfcc+1", "xls-r-300m": "mfcc+2", "xls-r-300m-finnish": "logmel+1",
    "logmel+6": "mfcc+3",
}  # fmt: skip


def with_small_encoders(value):
    """Return a parameter with every encoder replaced by the one that stands in for it."""
    if isinstance(value, list):
        return [with_small_encoders(part) for part in value]
    return STANDS_IN.get(value, value) if isinstance(value, str) else value


@pytest.mark.slow
def test_the_other_chapters_of_the_paper_run_with_the_frost_parameters(frost, tmp_path, run_page):
    table = read_params_file("frost", NOTEBOOKS.parent)
    given = {"corpus": f"frost:{frost[0]}", "device": "cpu", "cache": str(tmp_path), "results": str(tmp_path)}
    little = {
        "folds": 3,
        "seconds": [1, 2, 4],
        "least_seconds": 5.0,
        "draws": 1,
        "picture": str(tmp_path / "picture.svg"),
    }
    pages = {}
    for stem in (
        "01_compare_models", "03_vary_training_size", "04_leave_one_speaker_out", "05_compare_tasks_and_conditions",
        "14_weigh_the_claims",
    ):  # fmt: skip
        own = {name: with_small_encoders(value) for name, value in table[stem].items()}
        pages[stem[:2]] = page = run_page(stem, **own | given | little)
        assert len(page.figures) >= page.promised
        assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
    scores = pd.read_parquet(tmp_path / "01_compare_models.parquet")
    asked = [with_small_encoders(name) for key in ("models", "references") for name in table["01_compare_models"][key]]
    assert list(scores["model"].unique()) == list(dict.fromkeys(asked)) and set(scores["speaker"]) == set(SPEAKERS)
    for a, b in table["01_compare_models"]["pairs"]:
        assert f"{STANDS_IN[a]} minus {STANDS_IN[b]}: " in pages["01"].text
    curves = pd.read_parquet(tmp_path / "03_vary_training_size.parquet")
    assert set(curves["model"]) == {"logmel"} and set(curves["speaker"]) == set(SPEAKERS)
    assert {"sentence", "loso", "loso_sentence"} == set(
        pd.read_parquet(tmp_path / "04_leave_one_speaker_out.parquet")["protocol"]
    )
    assert "L2 - L1, all (4 speakers)" in pages["05"].text and "Not shown" not in pages["05"].text
    assert pages["14"].text.count("Verdict: ") == 5 and "not compared" not in pages["14"].text
