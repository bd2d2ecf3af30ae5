"""Chapter 13 shows its numbers, says its verdicts by rule, and says what it cannot show."""

import dataclasses

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert
from articulens.errors import ArticulensError
from articulens.speechlm.listening import listen

SMALL = {
    "models": ["tiny-lm-interleaved", "tiny-lm-speech"], "speakers": ["FIN02", "FIN03", "RUS02", "RUS03"],
    "utterances": 10, "removed": 3, "tuning": 3, "device": "cpu",
}  # fmt: skip


def test_the_chapter_shows_all_controls_and_its_verdicts(run_page, tmp_path):
    page = run_page("13_listen_for_latent_text", **SMALL, results=str(tmp_path))
    assert len(page.figures) == page.promised == 8
    assert "Not shown" not in page.text.replace("Verdict: not shown", "")
    verdicts = pd.read_parquet(tmp_path / "13_verdicts.parquet")
    assert list(verdicts["number"]) == ["T1", "T2", "T3", "T4", "T5", "T6"]
    assert set(verdicts["verdict"]) <= {"holds here", "does not hold here", "not shown"}
    table = pd.read_parquet(tmp_path / "13_listen_for_latent_text.parquet")
    assert set(table["target"]) == {"spoken", "next", "random", "shuffled"}
    assert set(table["k"]) == {1, 5, 10, 100}
    assert (table["low"] <= table["hit"]).all()
    published = page.names["published"]
    assert f"Published, arXiv 2606.22473: {published:.2f}" in page.alts
    for control in ("commonest words", "words of the unit", "tuned lens", "tiny-lm-speech"):
        assert control in page.alts
    assert len({s.meta["text"] for s in page.names["heard"]}) == len(page.names["heard"]) == SMALL["utterances"]
    # Everything that is counted is one token, and the controls without a model are asked for the same words.
    assert set(page.names["every"]["pieces"]) == {1}
    assert set(page.names["without"]["words"]) == {page.names["n_words"]}
    # The verdict follows its rule.
    low = [page.names["lead"][target][1] for target in ("random", "shuffled")]
    holds = verdicts.set_index("number").loc["T1", "verdict"] == "holds here"
    assert holds == (min(low) > 0)
    at_home = page.names["at_home"]
    at_home = at_home[(at_home["model"] == "tiny-lm-interleaved") & (at_home["k"] == 10)].set_index(["layer", "target"])
    layer = page.names["at_best"]
    apart = at_home.loc[(layer, "spoken"), "low"] > at_home.loc[(layer, "shuffled"), "high"]
    holds = verdicts.set_index("number").loc["T6", "verdict"] == "holds here"
    assert holds == (apart and page.names["home"]["low"].max() > 0)


def test_a_k_that_was_not_counted_is_refused(run_page):
    with pytest.raises(ArticulensError, match="k is 3, expected one of 1, 5, 10, 100"):
        run_page("13_listen_for_latent_text", k=3)


def test_a_corpus_without_words_is_told(run_page, tmp_path):
    corpus = open_corpus("bundled").select(speaker=["FIN02", "FIN03"], condition="L1", task="T1")
    folder = tmp_path / "corpus"
    convert(corpus, folder)
    for labels in folder.rglob("*.json"):
        if labels.parent.name == "labels":
            labels.write_text('{"phones": [{"label": "a", "start_s": 0.0, "end_s": 0.5}]}', encoding="utf-8")
    page = run_page(
        "13_listen_for_latent_text",
        **SMALL | {"speakers": []},
        corpus=f"tabular:{folder}",
        results=str(tmp_path / "results"),
    )
    assert "Not shown: any word" in page.text
    assert len(page.figures) == page.promised
    verdicts = pd.read_parquet(tmp_path / "results" / "13_verdicts.parquet")
    assert list(verdicts["number"]) == ["T1", "T2", "T3", "T4", "T5", "T6"]
    assert set(verdicts.loc[verdicts["number"] != "T6", "verdict"]) == {"not shown"}


def test_an_utterance_without_words_is_left_out(run_page, tmp_path, monkeypatch):
    def some_silent(*arguments):
        return [dataclasses.replace(s, words=()) if i == 1 else s for i, s in enumerate(listen(*arguments))]

    monkeypatch.setattr("articulens.speechlm.listening.listen", some_silent)
    alone = SMALL | {"models": ["tiny-lm-interleaved"], "utterances": 6}
    page = run_page("13_listen_for_latent_text", **alone, results=str(tmp_path))
    assert "Left out, no word is said: " in page.text
    assert len(page.names["heard"]) == 5
    assert pd.read_parquet(tmp_path / "13_verdicts.parquet").set_index("number").loc["T3", "verdict"] == "not shown"


def test_one_speaker_is_read_in_two_halves(run_page, tmp_path):
    page = run_page("13_listen_for_latent_text", **SMALL | {"speakers": ["FIN02"]}, results=str(tmp_path))
    assert "Verdict" in page.text
    assert len(page.figures) == page.promised
