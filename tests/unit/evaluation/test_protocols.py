"""Who trains and who tests: no protocol lets through what it says it holds out."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articulens.cells import CellDesign
from articulens.errors import ArticulensError
from articulens.evaluation.protocols import PROTOCOLS, WITH_COLUMN, open_protocol, within_reach

NAMES = [f"{name}({WITH_COLUMN[name]})" if name in WITH_COLUMN else name for name in PROTOCOLS]


def corpus_table(n_speakers=4, n_sentences=10) -> pd.DataFrame:
    rows = []
    for s, t, (condition, repetition) in itertools.product(
        range(n_speakers), range(n_sentences), [("L1", 0), ("L1", 1), ("L2", 0)]
    ):
        l1 = "fi" if s % 2 == 0 else "ru"
        language = l1 if condition == "L1" else {"fi": "ru", "ru": "fi"}[l1]
        rows.append(
            {
                "id": f"S{s}_{t}_{condition}_{repetition}",
                "speaker": f"S{s}",
                "language": language,
                "condition": condition,
                "task": "T1",
                "sentence": f"{language}_{t:02d}",
                "l1": l1,
            }
        )
    return pd.DataFrame(rows)


def frames_table(protocol, table: pd.DataFrame, design: CellDesign) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten frames of every utterance with their cell, and the table of cells."""
    cells = design.assign(table)
    rows = []
    for utterance in table.itertuples():
        for frame, fold in enumerate(design.frame_folds(utterance.id, 10)):
            rows.append({**cells.loc[utterance.id], "frame_fold": fold, "id": utterance.id, "frame": frame})
    frames = pd.DataFrame(rows).merge(table[["id", "sentence", "language", "l1"]], on="id", suffixes=("", "_u"))
    keys = list(protocol.keys)
    return frames, frames[keys].drop_duplicates().sort_values(keys).reset_index(drop=True)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 10_000), folds=st.integers(2, 5))
def test_every_frame_is_tested_once_and_never_trains_its_own_test(name, seed, folds):
    protocol, table = open_protocol(name), corpus_table()
    design = CellDesign.for_protocols([protocol], folds=folds, seed=seed)
    frames, cells = frames_table(protocol, table, design)
    tested = np.zeros(len(frames), dtype=int)
    for split in protocol.splits(cells):
        assert not (split.train & split.test).any()
        merged = frames.merge(cells.assign(train=split.train, test=split.test), on=list(protocol.keys), how="left")
        train, test = frames[merged["train"].to_numpy()], frames[merged["test"].to_numpy()]
        tested += merged["test"].to_numpy()
        assert len(train) and len(test)
        if name in ("sentence", "loso_sentence", "transfer(language)"):
            assert not set(train["sentence"]) & set(test["sentence"])
        if name == "utterance":
            assert not set(train["id"]) & set(test["id"])
        if name in ("frame_shuffled", "utterance", "sentence"):
            assert set(train["speaker"]) == set(test["speaker"]) and test["speaker"].nunique() == 1
        else:
            assert not set(train["speaker"]) & set(test["speaker"])
        if name == "leave_language_out":
            assert not set(train["language"]) & set(test["language"])
        if name == "loso_within(l1)":
            assert set(train["l1"]) == set(test["l1"])
        if name == "transfer(language)":
            assert train["language"].nunique() == 1
    assert (tested == (2 if name == "transfer(language)" else 1)).all()  # by the probe of either language


def test_frame_shuffled_is_eighty_twenty_inside_every_utterance():
    design = CellDesign(("frame_fold",), folds=5, seed=3)
    folds = design.frame_folds("an utterance", 100)
    assert list(np.bincount(folds)) == [20] * 5
    assert (folds != design.frame_folds("another utterance", 100)).any()
    assert (folds == CellDesign(("frame_fold",), seed=3).frame_folds("an utterance", 100)).all()


def test_every_sentence_fold_holds_every_language():
    table = CellDesign(("sentence_fold", "language"), folds=5).assign(corpus_table())
    assert (table.groupby("sentence_fold")["language"].nunique() == 2).all()
    sizes = table["sentence_fold"].value_counts()
    assert sizes.max() <= 1.5 * sizes.min()


def test_folds_depend_on_the_seed_only():
    shuffled = corpus_table().sample(frac=1, random_state=1)
    design = CellDesign(("sentence_fold", "utterance_fold"), seed=7)
    one, two = design.assign(corpus_table()), design.assign(shuffled)
    pd.testing.assert_frame_equal(one, two.loc[one.index])
    other = CellDesign(("sentence_fold", "utterance_fold"), seed=8).assign(corpus_table())
    assert (one["sentence_fold"] != other["sentence_fold"]).any()


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_measures(name):
    assert len(open_protocol(name).measures.split()) > 6
    assert open_protocol(name).name == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("losso", "did you mean 'loso'"),
        ("loso_within", "name the column"),
        ("loso(l1)", "takes no column"),
        ("", "unknown protocol"),
    ],
)
def test_unknown_protocols_are_named(name, says):
    with pytest.raises(ArticulensError, match=says):
        open_protocol(name)


def test_what_a_corpus_cannot_give_is_said():
    one = corpus_table(n_speakers=1)
    with pytest.raises(ArticulensError, match="1 speaker"):
        list(open_protocol("loso").splits(pd.DataFrame({"speaker": ["S0"]})))
    with pytest.raises(ArticulensError, match="no column 'dialect'"):
        CellDesign(("dialect",)).assign(one)
    with pytest.raises(ArticulensError, match="cannot fill 50 folds"):
        CellDesign(("sentence_fold",), folds=50).assign(one)


@pytest.mark.parametrize(
    ("wanted", "speakers", "sentences", "found", "folds", "words"),
    [
        ("loso_sentence", 4, 10, "loso_sentence", 5, ""),
        ("loso_sentence", 1, 10, "sentence", 5, "loso_sentence, which needs a second speaker; sentence is shown"),
        ("loso_sentence", 3, 1, "loso", 2, "loso_sentence, which needs a second sentence; loso is shown"),
        ("loso", 1, 1, "frame_shuffled", 2, "loso, which needs a second speaker and a second sentence; frame_shuffled"),
        (
            "leave_language_out",
            2,
            3,
            "loso_sentence",
            3,
            "needs a second language; loso_sentence is shown instead.",
        ),
        ("sentence", 1, 3, "sentence", 3, "5 folds, for there are 3 different sentences; 3 folds are used."),
        ("frame_shuffled", 1, 1, "frame_shuffled", 2, ""),
        ("loso_within( language )", 2, 5, "loso_within(language)", 5, ""),
    ],
)
def test_the_nearest_protocol_that_a_corpus_can_serve(wanted, speakers, sentences, found, folds, words):
    table = corpus_table(speakers, sentences)
    table = table[table["language"] == "fi"]
    assert not words or words in within_reach(wanted, table, 5)[2]
    got = within_reach(wanted, table, 5)
    assert got[:2] == (found, folds) and bool(got[2]) == bool(words)
    protocol = open_protocol(found)
    design = CellDesign.for_protocols([protocol], ["language"], folds=folds)
    cells = design.assign(table).assign(frame_fold=table.index % 2).drop_duplicates()
    assert list(protocol.splits(cells)), "what is said to be within reach is"


def test_a_penalty_can_be_chosen_with_one_speaker_in_training():
    design = CellDesign.for_protocols([open_protocol("loso_sentence")])
    cells = design.assign(corpus_table(2)).drop_duplicates()
    for split in open_protocol("loso_sentence").splits(cells):
        assert len(np.unique(split.inner[split.train])) > 1


def test_speakers_with_one_sentence_each_have_none_to_hold_out():
    table = pd.DataFrame({"speaker": ["A", "B"], "sentence": ["a", "b"], "language": "fi"})
    assert within_reach("sentence", table, 5)[0] == "frame_shuffled"
    assert within_reach("loso_sentence", table, 5)[0] == "loso_sentence"
