import numpy as np
import pandas as pd
import pytest
import torch

from articulens.errors import ArticulensError
from articulens.speechlm import (
    Lens,
    SpeechLM,
    Spoken,
    Units,
    ablate_words,
    ablation_effects,
    count_words,
    hits,
    mean_over_utterances,
    phases,
    read_words,
    text_loss_after_speech,
    unigram_ranks,
    unit_curves,
)
from articulens.speechlm.causal import word_directions
from articulens.speechlm.readings import Reading, matched_words, word_facts

SPEAKS, FORESEES, RETURNS = "2", "4", "5"


@pytest.fixture(scope="module")
def reading(planted) -> Reading:
    return read_words(Lens(planted.lm), planted.spoken, seed=1)


def shares(reading: Reading, k: int, rank: str = "rank", at: str = "any") -> pd.DataFrame:
    table = hits(reading.words, ks=[k], rank=rank, at=at)
    return table.pivot(index="layer", columns="target", values="hit")


@pytest.mark.parametrize("rank", ["rank", "rank_full"])
@pytest.mark.parametrize("at", ["any", "last"])
def test_the_word_is_read_where_it_is_planted_and_nowhere_else(reading: Reading, rank: str, at: str) -> None:
    share = shares(reading, 1, rank, at)
    assert share["spoken"].to_dict() == {str(layer): float(str(layer) == SPEAKS) for layer in range(7)}
    assert share["next"].to_dict() == {str(layer): float(str(layer) == FORESEES) for layer in range(7)}


def test_controls_stay_at_chance_where_the_word_is_read(planted) -> None:
    # Many long sayings of disjoint stretches: a wrong pairing can hit by nothing but chance.
    spoken = [planted.say(f"u{i}", 6 * i, 6) for i in range(5)]
    lens = Lens(planted.lm, layers=[SPEAKS])
    words = pd.concat([read_words(lens, spoken, seed=s).words for s in range(5)])
    table = hits(words, ks=[1, 10]).set_index(["target", "k"])
    assert table.loc[("spoken", 1), "hit"] == 1
    for target in ("random", "shuffled"):
        assert table.loc[(target, 1), "hit"] == 0
    # With every k the chance is k of the text tokens at most, since all others are tied and ties count against.
    assert table.loc[("shuffled", 10), "hit"] == 0


def test_words_of_several_pieces_are_whole_only_with_all_of_them(planted, reading: Reading) -> None:
    words = reading.words[(reading.words["layer"] == SPEAKS) & (reading.words["target"] == "spoken")]
    one, two = (words[words["pieces"] == n] for n in (1, 2))
    assert len(one) and len(two) and set(two["word"]) <= set(planted.words[24:])
    assert (one["rank_whole"] == 1).all() and (two["rank"] == 1).all()
    assert (two["rank_whole"] == len(planted.lm.vocabulary.text_ids)).all()  # the second piece is tied with all others


def test_masses_and_units(reading: Reading) -> None:
    table = unit_curves(reading.units).pivot(index="layer", columns="measure", values="mean")
    assert table.loc[[SPEAKS, FORESEES], "text_mass"].min() > 0.99
    assert table.loc[["5", "6"], "unit_mass"].min() > 0.99
    assert table["unit_hit1"].to_dict() == {str(layer): float(layer >= 5) for layer in range(7)}
    assert table.loc["6", "unit_loss"] < 0.01 < 4 < table.loc["3", "unit_loss"]


def test_phases_are_found_where_they_are_planted(reading: Reading) -> None:
    table = phases(reading, k=1, draws=200).set_index("boundary")
    for boundary, layer in (
        ("transcription begins", SPEAKS),
        ("transcription peaks", SPEAKS),
        ("prediction begins", FORESEES),
        ("speech returns", RETURNS),
    ):
        row = table.loc[boundary]
        assert (row["layer"], row["low"], row["high"], row["found"]) == (layer, layer, layer, 1.0)


def test_a_model_that_does_not_listen_has_no_phases(planted) -> None:
    torch.manual_seed(0)
    model = type(planted.lm.model)(planted.lm.model.config)
    silent = read_words(Lens(SpeechLM(model, planted.lm.vocabulary)), planted.spoken)
    table = phases(silent, k=1, draws=200, least=0.2).set_index("boundary")
    assert table.loc["transcription begins", "layer"] == table.loc["prediction begins", "layer"] == ""
    assert table.loc["transcription begins", "found"] < 0.1
    share = shares(silent, 10)
    assert (share["spoken"] - share["random"]).abs().max() < 0.35  # of 60 words: nothing but chance


def test_a_model_that_says_the_same_of_everything_hits_nothing(planted) -> None:
    model = type(planted.lm.model)(planted.lm.model.config)
    model.lm_head.weight.data.zero_()  # all logits are equal
    table = read_words(Lens(SpeechLM(model, planted.lm.vocabulary), layers=["6"]), planted.spoken).words
    assert (table["rank"] == len(planted.lm.vocabulary.text_ids)).all()
    assert (table["rank_full"] == planted.lm.vocabulary.size).all()


def test_ranks_agree_with_sorting_by_hand(planted) -> None:
    torch.manual_seed(1)
    lm = SpeechLM(type(planted.lm.model)(planted.lm.model.config), planted.lm.vocabulary)
    lens, spoken = Lens(lm, layers=["3"]), planted.spoken[:4]
    table = read_words(lens, spoken, batch_tokens=20).words.set_index(["utterance", "index", "target", "at"])
    vocabulary, one = lm.vocabulary, spoken[2]
    from articulens.speechlm import interleave

    tokens = interleave(one, vocabulary)
    logits = lens.logits(tokens)["3"]
    for k, word in enumerate(one.texts()):
        (pieces,) = vocabulary.spellings(word)
        full = [[int((logits[p] >= logits[p, piece]).sum()) for piece in pieces] for p in tokens.where(k)]
        text = logits[:, vocabulary.text_ids]
        only = [[int((text[p] >= logits[p, piece]).sum()) for piece in pieces] for p in tokens.where(k)]
        row = table.loc[(one.id, k, "spoken", "any")]
        assert (row["rank"], row["rank_full"]) == (min(r[0] for r in only), min(r[0] for r in full))
        assert row["rank_whole"] == max(np.min(only, axis=0))
        assert table.loc[(one.id, k, "spoken", "last"), "rank_full"] == full[-1][0]


def test_the_matched_word_is_alike_and_not_in_the_utterance(planted) -> None:
    rare = [f"ka{syllable}" for syllable in ("la", "le", "li", "lo", "lu", "pa", "pe")]
    texts = [["ka"] * 50, ["ke"] * 48, ["ki"], *[[word] for word in rare]]
    spoken = [Spoken(str(i), Units.from_frames([1, 2], 0.5), [(0, 1, t[0])]) for i, t in enumerate(texts)]
    facts = word_facts(spoken, planted.lm.vocabulary, count_words(texts))
    rng = np.random.default_rng(0)
    drawn = [matched_words(facts, rng) for _ in range(40)]
    assert len({found[3] for found in drawn}) == 5 and {found[3] for found in drawn} < set(rare[1:])
    assert {found[2] for found in drawn} == {"ka", "ke"}  # of one piece as it is, though much commoner


def test_controls_have_as_many_pieces_as_the_word(planted) -> None:
    words = read_words(Lens(planted.lm, layers=[SPEAKS]), planted.spoken).words
    wide = words[words["at"] == "any"].pivot(index=["utterance", "index"], columns="target", values="pieces")
    assert set(wide["spoken"]) == {1, 2}
    for control in ("random", "shuffled"):
        there = wide[control].notna()
        assert there.any() and (wide[control] == wide["spoken"])[there].all()
    assert (wide["next"] != wide["spoken"]).any()  # it is what it is


def test_intervals_widen_where_utterances_differ() -> None:
    def table(even: bool) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        rows = [
            {"utterance": u, "at": "any", "rank": 1 if (rng.random() < 0.5 if even else u % 2) else 99, "layer": "1"}
            for u in range(40)
            for _ in range(25)
        ]
        return hits(pd.DataFrame(rows), ks=[1], by=["layer"])

    (alike,), (apart,) = (list(table(even).itertuples()) for even in (True, False))
    assert alike.low < 0.5 < alike.high and apart.low < 0.5 < apart.high
    assert 0.03 < alike.high - alike.low < 0.1 and apart.high - apart.low == pytest.approx(0.31, abs=0.03)
    few = pd.DataFrame({"utterance": [1, 2, 3], "at": "any", "rank": 1, "layer": "1"})
    assert np.isnan(hits(few, ks=[1], by=["layer"])["low"]).all()


def test_what_can_be_had_without_a_model(planted) -> None:
    train, test = planted.spoken[:10], planted.spoken[:10]
    table = hits(unigram_ranks(train, test), ks=[1, 60], by=["control"]).set_index(["control", "k"])
    assert table.loc[("unit", 1), "hit"] == 1  # each unit is of one word only
    assert table.loc[("frequency", 1), "hit"] < 0.2 and table.loc[("frequency", 60), "hit"] == 1
    assert np.isinf(unigram_ranks(planted.spoken[:1], planted.spoken[5:6])["rank"]).all()


def test_text_after_speech(planted) -> None:
    table = text_loss_after_speech(planted.lm, planted.spoken)
    means = mean_over_utterances(table, ["loss"], by=["context"]).set_index("context")["mean"]
    assert list(means.index) == ["speech", "other speech", "text", "nothing"]
    # The planted model says nothing behind a text: all tokens are alike to it.
    assert means.to_numpy() == pytest.approx(np.log(planted.lm.vocabulary.size), rel=1e-4)
    with pytest.raises(ArticulensError, match="two words"):
        text_loss_after_speech(planted.lm, [planted.say("one", 0, 1)])


def test_text_after_speech_counts_the_right_tokens(planted) -> None:
    torch.manual_seed(2)
    lm = SpeechLM(type(planted.lm.model)(planted.lm.model.config), planted.lm.vocabulary)
    spoken, vocabulary = planted.say("u", 22, 4), lm.vocabulary  # words of one, one, two, two pieces
    row = text_loss_after_speech(lm, [spoken], contexts=["speech"]).iloc[0]
    ids = [vocabulary.speech_mark, *vocabulary.unit_ids[44:48], vocabulary.text_mark]
    text = [t for word in spoken.texts()[2:] for t in vocabulary.tokens_of_text(word)]
    logits = lm.logits(torch.tensor([[*ids, *text]]))[0]
    expected = torch.nn.functional.cross_entropy(logits[len(ids) - 1 : -1], torch.tensor(text))
    assert row["tokens"] == 4 and row["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_removing_the_word_matters_where_the_model_uses_it(planted) -> None:
    table = ablate_words(planted.lm, planted.spoken, layers=["1", "2", "3"])
    effects = ablation_effects(table, draws=200).set_index(["layer", "contrast", "measure"])
    # The block behind layer 2 takes the word away again: without it there, the stream is spoilt for the next unit.
    used = effects.loc[("2", "word - nothing", "unit_loss")]
    assert used["low"] > 1
    assert effects.loc[("2", "random word - nothing", "unit_loss"), "high"] < 0.1
    assert effects.loc[("2", "word - random word", "unit_loss"), "low"] > 1
    for layer in ("1", "3"):
        assert effects.loc[(layer, "word - nothing", "unit_loss"), "mean"] == pytest.approx(0, abs=1e-4)


def test_the_directions_are_those_that_the_head_reads(planted) -> None:
    lm, word = planted.lm, planted.words[3]
    basis = word_directions(lm, word)
    token = lm.vocabulary.spellings(word)[0][0]
    torch.manual_seed(0)
    h = torch.randn(5, lm.width)
    text = torch.from_numpy(lm.vocabulary.text_ids)
    without = h - (h @ basis) @ basis.T
    logits = without @ lm.head.weight.T
    assert torch.allclose(logits[:, token], logits[:, text].mean(1), atol=1e-5)  # neither above nor below the others


def test_bad_input(planted) -> None:
    lens = Lens(planted.lm)
    silent = Spoken("mute", planted.spoken[0].units, [])
    with pytest.raises(ArticulensError, match="mute: this utterance has no words"):
        read_words(lens, [planted.spoken[0], silent])
    with pytest.raises(ArticulensError, match="no layer '7'"):
        ablate_words(planted.lm, planted.spoken, layers=["7"])
    with pytest.raises(ArticulensError, match="give test utterances"):
        unigram_ranks(planted.spoken, [])
    with pytest.raises(ArticulensError, match="give at least one"):
        read_words(lens, [])
    foreign = Spoken("x", planted.spoken[0].units, [(0.0, 1.0, "xyz")])
    with pytest.raises(ArticulensError, match="can be written in tokens of the model"):
        read_words(lens, [foreign])
    read = read_words(lens, planted.spoken[:1])
    assert "shuffled" not in set(read.words["target"])  # there is no other utterance
    with pytest.raises(ArticulensError, match="no words to find phases by"):
        phases(Reading(read.words[:0], read.units))
