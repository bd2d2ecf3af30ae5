"""Making the bundled speech–text models: sentences, recordings, documents, training."""

import ctypes.util
import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from articulens import cli
from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.files import sha256_file
from articulens.pretraining.config import shipped_names
from articulens.speechlm import Codebook, Lens, Spoken, Units, open_speech_lm
from articulens.speechlm.bundled import BUNDLED_LMS
from articulens.speechlm.cards import write_lm_card
from articulens.speechlm.listening import read_words_of
from articulens.speechlm.material import Material, Reader, make_vocabulary, prepare
from articulens.speechlm.recipes import load_recipe, parse_recipe
from articulens.speechlm.recordings import (
    _Espeak,
    _timed_again,
    labelled_words,
    make_recordings,
    read_recordings,
)
from articulens.speechlm.texts import LANGUAGES, Documents, plain_words, sentences, spread
from articulens.speechlm.training import train
from articulens.synthesis.texts import texts

HOP = 0.02


@pytest.fixture(scope="module")
def material():
    """Utterances whose units spell their words: 20 units, each word always the same four."""
    codebook = Codebook(np.zeros((20, 4), np.float32), {"encoder": "none", "fingerprint": "0", "layer": "0"})
    spoken = []
    for language in LANGUAGES:
        for voice in ("a", "b"):
            for sentence in spread(language, 60, 1):
                ids, words = [], []
                for word in sentence.words:
                    start = HOP * len(ids)
                    ids += [sum(map(ord, word)) % 20, len(word), ord(word[0]) % 20, ord(word[-1]) % 20]
                    words.append((start, HOP * len(ids), word))
                units = Units.from_frames(ids, HOP)
                meta = {"speaker": voice, "language": language, "source": "espeak", "sentence": sentence.text}
                spoken.append((Spoken(f"{voice} {sentence.text}", units, words, meta), sentence.held_out))
    train_, held = (tuple(s for s, out in spoken if out is flag) for flag in (False, True))
    return Material(codebook, train_, held, "some material")


@pytest.fixture
def recipe():
    base = load_recipe("tiny-lm-scratch")
    return dataclasses.replace(
        base, n_units=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        steps=6, log_every=2, batch=2, length=48,
    )  # fmt: skip


def test_no_sentence_is_in_the_corpus_but_many_words_are():
    for language in ("fi", "ru"):
        corpus = {plain_words(text.text) for kind in texts(language).values() for text in kind}
        ours = sentences(language)
        assert not corpus & {s.words for s in ours}
        said, known = {w for words in corpus for w in words}, {w for s in ours for w in s.words}
        assert len(said & known) > 0.4 * len(said)
    held = [s.held_out for language in LANGUAGES for s in sentences(language)]
    assert 0.06 < np.mean(held) < 0.14
    with pytest.raises(ArticulensError, match="no grammar of 'sv'"):
        sentences("sv")


def test_neighbours_in_a_document_share_words_and_none_is_said_twice():
    pool = spread("fi", 400, 0)
    documents, rng = Documents([s.words for s in pool]), np.random.default_rng(0)
    drawn = [documents.draw(rng, 3) for _ in range(200)]
    assert all(len(set(document)) == 3 for document in drawn)
    share = [bool(set(pool[a].words) & set(pool[b].words)) for a, b, _ in drawn]
    at_random = [bool(set(pool[a].words) & set(pool[b].words)) for a, b in rng.integers(len(pool), size=(200, 2))]
    assert np.mean(share) > 0.65 > 2 * np.mean(at_random)
    assert Documents([("one",)]).draw(rng, 3) == [0]


def test_in_a_document_every_word_is_heard_or_read_but_never_both(material, recipe):
    reader, rng = Reader(recipe, make_vocabulary(20), material.train, held_out=False), np.random.default_rng(3)
    vocabulary = reader.vocabulary
    by_text = {s.words: s for language in LANGUAGES for s in sentences(language)}
    for _ in range(30):
        text = vocabulary.tokenizer.decode(reader.document(rng, "interleaved"))
        assert "<text>" in text or "<speech>" in text
    kinds = {kind: reader.document(rng, kind) for kind in ("text", "speech", "interleaved")}
    assert not vocabulary.is_unit[kinds["text"]].any()
    assert not vocabulary.is_text[kinds["speech"]].any()
    n_words = vocabulary.is_text[kinds["interleaved"]].sum()
    assert 0 < n_words < 25
    whole = tuple(vocabulary.tokenizer.decode(kinds["text"]).replace("<s>", "").split("<text>"))
    assert all(
        plain_words(part) in by_text and not by_text[plain_words(part)].held_out for part in whole if part.strip()
    )
    batch = reader.draw(np.random.default_rng(1))
    assert batch.shape == (2, 48)
    assert (batch == reader.draw(np.random.default_rng(1))).all()


def test_tokens_are_words_and_letters_for_others():
    vocabulary = make_vocabulary(20)
    assert len(vocabulary.spellings("kissa")) == 1
    assert len(vocabulary.spellings("kissa")[0]) == 1
    assert len(vocabulary.tokens_of_text(" kissoillekin")) > 1
    assert vocabulary.tokenizer.decode(vocabulary.tokens_of_text(" kissa kissoillekin")) == "kissa kissoillekin"
    assert vocabulary.is_text[list(vocabulary.tokens_of_text(" мама"))].all()


def test_training_lowers_the_loss_and_is_the_same_twice_and_after_a_stop(material, recipe, tmp_path):
    recipe = dataclasses.replace(recipe, steps=30, log_every=10, learning_rate=0.02)
    whole = train(recipe, material, tmp_path / "a")
    facts = json.loads((whole / "training.json").read_text("utf-8"))
    assert [row["step"] for row in facts["curve"]] == [10, 20, 30]
    assert facts["curve"][-1]["units in speech"] < facts["curve"][0]["units in speech"] - 0.02
    assert set(facts["curve"][0]) == {
        "step", "loss", "text in text", "units in speech", "text in interleaved", "units in interleaved"
    }  # fmt: skip

    def stop(line):
        if "'step': 20" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, material, tmp_path / "b", say=stop)
    again = train(recipe, material, tmp_path / "b")
    assert sha256_file(again / "model.safetensors") == sha256_file(whole / "model.safetensors")
    assert json.loads((again / "training.json").read_text("utf-8"))["curve"] == facts["curve"]

    lm = open_speech_lm(str(whole))
    assert (lm.vocabulary.n_units, lm.width, lm.layers) == (20, 16, ("0", "1", "2"))
    Lens(lm)
    card = write_lm_card(whole).read_text("utf-8")
    assert f"`{facts['sha256']['model.safetensors']}`" in card
    with pytest.raises(ArticulensError, match="belongs to another configuration"):
        train(dataclasses.replace(recipe, seed=5), material, tmp_path / "b")


def test_a_base_is_gone_on_from_or_asked_for(material, recipe, tmp_path):
    text = dataclasses.replace(recipe, name="base", mix={"text": 1.0})
    train(text, material, tmp_path / "run")
    (tmp_path / "run" / "model").rename(tmp_path / "base")
    first = dataclasses.replace(recipe, base="base", steps=1, log_every=1, learning_rate=1e-9)
    model = train(first, material, tmp_path / "more", models=tmp_path)
    facts = json.loads((model / "training.json").read_text("utf-8"))
    assert facts["base"] == {"name": "base", "sha256": sha256_file(tmp_path / "base" / "model.safetensors")}
    a, b = (open_speech_lm(str(folder)).model.state_dict() for folder in (model, tmp_path / "base"))
    assert all(torch.allclose(a[name], b[name], atol=1e-3) for name in a)
    with pytest.raises(ArticulensError, match="train it first"):
        train(first, material, tmp_path / "none", models=tmp_path / "nowhere")


def test_recipes_are_checked():
    shipped = shipped_names("articulens.speechlm")
    assert set(shipped) == set(BUNDLED_LMS)
    assert {load_recipe(name).base for name in shipped} == {None, "tiny-lm-text"}
    good = {"name": "x", "summary": "y", "mix": {"text": 1.0}}
    for wrong, words in (
        ({"mix": {"song": 1.0}}, "mix is"),
        ({"mix": {"text": 0.0}}, "all 0"),
        ({"mix": {"text": "much"}}, "mix is"),
        ({"mix": [1]}, "mix is"),
        ({"steps": "many"}, "steps is 'many', expected a whole number"),
        ({"learning_rate": "3e-3"}, "expected a number"),  # YAML takes it for text
        ({"steps": 0}, "at least 1"),
        ({"heard": 1.5}, "between 0 and 1"),
        ({"stepz": 3}, "unknown key 'stepz'"),
    ):
        with pytest.raises(ArticulensError, match=words):
            parse_recipe(good | wrong, "here")
    with pytest.raises(ArticulensError, match="'mix' is missing"):
        parse_recipe({"name": "x", "summary": "y"}, "here")
    with pytest.raises(ArticulensError, match="there is no recipe 'tiny-lm-txt'"):
        load_recipe("tiny-lm-txt")


def test_words_of_the_corpus_lie_on_their_phones():
    corpus = open_corpus("bundled")
    for utterance in corpus.utterances[::23]:
        words = read_words_of(utterance)
        labels = json.loads(utterance.labels.read_text("utf-8"))
        spoken = [phone for phone in labels["phones"] if "word" in phone]
        assert tuple(word for *_, word in words) == plain_words(utterance.text), utterance.id
        assert words[0][0] == spoken[0]["start_s"]
        assert words[-1][1] == pytest.approx(spoken[-1]["end_s"], abs=1e-3)
        assert all(a[1] <= b[0] + 1e-3 and a[0] < a[1] for a, b in itertools.pairwise(words))


def test_times_are_worked_out_as_the_synthesiser_gave_them():
    from articulens.synthesis import corpus as made
    from articulens.synthesis.anatomy import draw_speaker

    corpus = open_corpus("bundled")
    utterance = next(u for u in corpus if u.speaker == "FIN02" and u.condition == "L1" and u.task == "T2")
    labels = json.loads(utterance.labels.read_text("utf-8"))
    speaker = next(s for s in (draw_speaker(i, made.SEED) for i in range(18)) if s.id == "FIN02")
    found = _timed_again("fi", labels["text_with_stress"], speaker, utterance.id)
    assert [word for word, *_ in found] == [word for word, *_ in labelled_words(labels)]
    np.testing.assert_allclose([t for _, *t in found], [t for _, *t in labelled_words(labels)], atol=2e-3)


def test_what_leans_on_a_word_shares_its_time():
    labels = {
        "language": "ru",
        "text_with_stress": "Кни́га на столе́.",
        "phones": [{"word": 0, "start_s": 0.1, "end_s": 0.5}, {"word": 1, "start_s": 0.5, "end_s": 1.2}],
    }
    assert labelled_words(labels) == [("книга", 0.1, 0.5), ("на", 0.5, 0.7), ("столе", 0.7, 1.2)]


@pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="the library of espeak-ng is not installed")
def test_recordings_have_all_words_in_time_and_become_material(tmp_path, recipe):
    made = make_recordings(tmp_path / "made", sentences=12, readings=1)
    rows = read_recordings(made)
    assert {row.language for row in rows} == set(LANGUAGES)
    for row in rows:
        assert row.words == plain_words(row.text)
        starts, ends = np.array(row.times_s).T
        assert (starts < ends).all()
        assert (starts[1:] >= ends[:-1] - 1e-3).all()
    _, timed = _Espeak().say("Put the book on the table.", "en+m1", 150, 40)
    assert [word for word, *_ in timed] == ["put", "the", "book", "on", "the", "table"]
    recipe = dataclasses.replace(recipe, encoder="logmel", layer="0")
    material = prepare(made, recipe, tmp_path / "cache")
    again = prepare(made, recipe, tmp_path / "cache")
    assert material.fingerprint == again.fingerprint
    assert len(material.train) + len(material.held_out) == len(rows)
    assert all(s.meta["source"] == "espeak" and s.words for s in material.train)

    # And from the command line, by a recipe of one's own.
    yaml.safe_dump(recipe.to_dict() | {"name": "own"}, (tmp_path / "own.yaml").open("w"))
    words = [
        "models",
        "train-lm",
        str(tmp_path / "own.yaml"),
        "--recordings",
        str(made),
        "--out",
        str(tmp_path / "run"),
    ]
    result = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "# own" in (tmp_path / "run" / "model" / "README.md").read_text("utf-8")


def test_recordings_that_are_not_there_are_asked_for(tmp_path, recipe):
    with pytest.raises(ArticulensError, match="articulens models recordings"):
        prepare(tmp_path, recipe, tmp_path)


def test_a_corpus_without_words_is_refused(tmp_path):
    utterance = open_corpus("bundled").utterances[0]
    with pytest.raises(ArticulensError, match="has no labels, expected words"):
        read_words_of(dataclasses.replace(utterance, labels=None))
    path = tmp_path / "phones.csv"
    path.write_text("start_s,end_s,label\n0,1,a\n")
    with pytest.raises(ArticulensError, match="expected one named 'words'"):
        read_words_of(dataclasses.replace(utterance, labels=path))
    path = tmp_path / "phones.lab"
    path.write_text("0 9000000000 a\n")  # in units of 100 ns
    with pytest.raises(ArticulensError, match="found the tiers phones, expected one named 'words'"):
        read_words_of(dataclasses.replace(utterance, labels=path), unit_s=1e-7)
    path = tmp_path / "broken.json"
    path.write_text('{"words": [')
    with pytest.raises(ArticulensError, match="cannot be read as labels"):
        read_words_of(dataclasses.replace(utterance, labels=path))
    path = tmp_path / "words.json"
    path.write_text(
        json.dumps({"words": [{"start_s": 0, "end_s": 1, "label": "Kissa,"}, {"start_s": 1, "end_s": 2, "label": ""}]})
    )
    assert read_words_of(dataclasses.replace(utterance, labels=path)) == [(0.0, 1.0, "kissa")]
