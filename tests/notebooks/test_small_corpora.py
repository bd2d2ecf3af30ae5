"""Corpora that lack what a chapter asks for: it says what it cannot show, and goes on with the rest."""

import re

import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert
from articulens.encoders.bundled import SMALL
from articulens.errors import ArticulensError

CHAPTERS = [
    "00_meet_the_corpus", "01_compare_models", "02_map_layers_and_sensors", "03_vary_training_size",
    "04_leave_one_speaker_out", "05_compare_tasks_and_conditions", "06_audit_the_protocol",
    "07_bring_your_own_recordings", "10_erase_articulation", "14_weigh_the_claims",
]  # fmt: skip
FOUR = ["FIN02", "FIN03", "RUS02", "RUS03"]
SELECTIONS = {
    "one speaker": {"speaker": "FIN02"},
    "one language and task": {"speaker": ["FIN02", "FIN03", "FIN04", "FIN05"], "language": "fi", "task": "T2"},
    "one condition": {"speaker": FOUR, "condition": "L1"},
    "two sentences": {"speaker": "FIN02", "condition": "L1", "task": "T1"},
    "one sentence each": {"speaker": ["FIN02", "RUS02"], "condition": "L1", "task": "T3"},
}
#: What each chapter has to say, by the first two letters of its name.
SAID = {
    "one speaker": {
        "01": "loso_sentence, which needs a second speaker; sentence is shown instead",
        "02": "loso_sentence, which needs a second speaker; sentence is shown instead",
        "03": "Not shown: speakers with 90 s; nobody has more than",
        "04": "Not shown: calibration, which needs other speakers",
        "05": "Not shown: conditions side by side; no speaker could be left out among those of the same l1",
        "06": "Not shown: unknown speaker",
        "07": "Not shown: a probe for FIN02; it needs two other speakers",
        "10": "Not shown: logmel; logmel: there is no network behind these features",
        "14": "Verdict: not shown. nobody could be left out",
    },
    "one language and task": {
        "01": "Not shown: languages side by side; all was said in fi",
        "05": "Not shown: tasks side by side; all recordings are of T2",
        "14": "not scored: L2 - L1",
    },
    "one condition": {
        "00": "Not shown: the accent knob; Finnish was read with no two strengths of accent",
        "05": "Not shown: conditions side by side; all recordings are of L1",
    },
    "two sentences": {
        "01": "5 folds, for there are 2 different sentences; 2 folds are used",
        "02": "5 folds, for there are 2 different sentences; 2 folds are used",
        "03": "Not shown: 5, 20, 300 s; the longest training set has",
        "04": "5 folds, for there are 2 different sentences; 2 folds are used",
        "05": "Not shown: tasks side by side; all recordings are of T1",
        "06": "So few sentences fill 2 folds at most",
        "07": "Not shown: delay; there are 2 recordings only",
    },
    "one sentence each": {
        "01": "Not shown: swapped positions; a speaker has one sentence only",
        "03": "Not shown: new sentences of FIN02",
        "04": "Not shown: sentence, which needs a second sentence; frame_shuffled is shown instead",
        "06": "Not shown: held-out sentences",
        "14": "no training size was varied with sentences to test on",
    },
}


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory):
    """Return a function from a selection's name to a folder with the selection as a corpus, made once."""
    folder = tmp_path_factory.mktemp("small")

    def part(name: str):
        place = folder / name.replace(" ", "-")
        if not place.exists():
            convert(open_corpus("bundled").select(**SELECTIONS[name]), place / "corpus")
        return place

    return part


def no_synthesiser(*_: object, **__: object) -> None:
    raise ArticulensError("the synthesiser is tested elsewhere, and takes long.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stem"),
    [pytest.param(n, s, id=f"{n}-{s[:2]}") for n in SELECTIONS for s in CHAPTERS],
)
def test_a_chapter_says_what_it_cannot_show_and_goes_on(name, stem, parts, run_page, monkeypatch):
    monkeypatch.setattr("articulens.synthesis.resynthesise", no_synthesiser)
    place = parts(name)
    page = run_page(
        stem, corpus=f"tabular:{place / 'corpus'}", models=["logmel"], references=["mfcc"], model="logmel",
        focus="logmel", encoder="logmel", seconds=[1, 5, 20, 300], draws=1, sentences=4, device="cpu",
        cache=str(place / "cache"), results=str(place / "results"), picture=str(place / "picture.svg"),
    )  # fmt: skip
    assert len(page.figures) >= page.promised, "a figure, or a place that says why there is none"
    assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
    assert SAID[name].get(stem[:2], "") in page.text


@pytest.mark.slow
def test_a_layer_that_a_model_has_not_is_named_and_another_is_read(parts, run_page, tmp_path):
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    transformers.HubertModel(transformers.HubertConfig(**SMALL | {"num_hidden_layers": 2})).save_pretrained(
        tmp_path / "two-layers"
    )
    model, place = str(tmp_path / "two-layers"), parts("one condition")
    given = {
        "corpus": f"tabular:{place / 'corpus'}", "model": model, "models": [model], "focus": model, "layer": "12",
        "seconds": [1, 300], "draws": 1, "device": "cpu", "cache": str(tmp_path), "results": str(tmp_path),
    }  # fmt: skip
    for stem in CHAPTERS[2:6]:
        page = run_page(stem, **given)
        assert stem.startswith("02") or "Not shown: layer 12; " in page.text, stem
        assert "two-layers has 0, 1, 2, final" in page.text or stem.startswith("02")
        assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE), page.text
        assert len(page.figures) >= page.promised
        assert "two-layers" in page.alts and str(tmp_path) not in page.alts + page.text
