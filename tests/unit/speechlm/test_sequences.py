import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from articulens.errors import ArticulensError
from articulens.speechlm import Spoken, Units, Vocabulary, choose_heard, extend_tokenizer, interleave, words_of_units
from articulens.speechlm.sequences import MARK, TEXT, UNIT

UTTERANCE = Spoken(
    "u",
    Units.from_frames([3, 3, 3, 5, 5, 7, 7, 7, 7, 2, 2, 9, 9, 9], 0.02),
    [(0.0, 0.05, ""), (0.05, 0.11, "ka"), (0.11, 0.2, "kate"), (0.21, 0.28, "te")],
)


@pytest.fixture
def vocabulary(planted) -> Vocabulary:
    return planted.make_tokenizer(10)[1]


def test_the_tokenizer_is_extended_as_sims_does_it(planted) -> None:
    tokenizer, _ = planted.make_tokenizer()
    size = len(tokenizer)
    vocabulary = extend_tokenizer(tokenizer, 4)
    assert vocabulary.unit_ids.tolist() == [size, size + 1, size + 2, size + 3]
    assert (vocabulary.speech_mark, vocabulary.text_mark, vocabulary.size) == (size + 4, size + 5, size + 6)
    assert tokenizer("<speech><Un1><Un3><text> ka")["input_ids"][:4] == [size + 4, size + 1, size + 3, size + 5]
    assert not set(vocabulary.text_ids) & {*vocabulary.unit_ids, size + 4, size + 5, tokenizer.unk_token_id}


def test_words_meet_their_units_by_time() -> None:
    # Units end at .06 .10 .18 .22 .28: their middles are at .03 .08 .14 .20 .25.
    assert words_of_units(UTTERANCE.units, UTTERANCE.words).tolist() == [-1, 0, 1, -1, 2]
    short = [(0.061, 0.065, "ka"), (0.065, 0.18, "te")]  # no middle lies in the first: it gets the unit around it
    assert words_of_units(UTTERANCE.units, short).tolist() == [-1, 0, 1, -1, -1]


def test_stretches_of_speech_and_text_with_their_times(vocabulary: Vocabulary) -> None:
    tokens = interleave(UTTERANCE, vocabulary, [True, False, True])
    assert vocabulary.tokenizer.convert_ids_to_tokens(tokens.ids) == [
        *("<speech>", "<Un3>", "<Un5>", "<text>", "ka", "te", "<speech>", "<Un9>")
    ]
    assert tokens.kinds.tolist() == [MARK, UNIT, UNIT, MARK, TEXT, TEXT, MARK, UNIT]
    assert tokens.words.tolist() == [-1, -1, 0, -1, 1, 1, -1, 2]
    assert tokens.starts_s[[1, 2, 4, 5, 7]] == pytest.approx([0.0, 0.06, 0.11, 0.11, 0.22])
    assert tokens.where(2).tolist() == [7] and tokens.where(1).size == 0 and tokens.where(1, TEXT).tolist() == [4, 5]


def test_the_whole_recording_is_heard_with_its_pauses(vocabulary: Vocabulary) -> None:
    tokens = interleave(UTTERANCE, vocabulary)
    assert vocabulary.tokenizer.decode(tokens.ids).replace(" ", "") == "<speech><Un3><Un5><Un7><Un2><Un9>"
    assert np.allclose((tokens.ends_s - tokens.starts_s)[1:], 0.02 * UTTERANCE.units.durations)
    silent = Spoken("s", UTTERANCE.units, [])
    assert (interleave(silent, vocabulary).ids == tokens.ids).all()


def test_a_model_of_units_only_gets_units_only() -> None:
    vocabulary = Vocabulary.of_units(10, 2, 12, prefix=(1,))
    assert interleave(UTTERANCE, vocabulary).ids.tolist() == [1, 5, 7, 9, 4, 11]
    with pytest.raises(ArticulensError, match="only units"):
        interleave(UTTERANCE, vocabulary, [True, False, True])


def test_spans_cover_the_share_that_was_asked_for() -> None:
    rng = np.random.default_rng(0)
    shares = [choose_heard(60, rng, share=0.3, mean_span=5).mean() for _ in range(200)]
    assert min(shares) >= 0.3 and 0.3 < np.mean(shares) < 0.45


def test_spellings_of_one_and_of_several_pieces(vocabulary: Vocabulary) -> None:
    ids = vocabulary.tokenizer.convert_tokens_to_ids
    assert vocabulary.spellings("ka") == [(ids("ka"),)]
    assert vocabulary.spellings("kate") == [(ids("ka"), ids("te"))]
    assert vocabulary.spellings("xy") == []  # cannot be written


def test_a_space_before_the_word_is_a_spelling_of_its_own() -> None:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=268, initial_alphabet=alphabet, show_progress=False)
    raw.train_from_iterator([" the cat", "the cat", " The cat"] * 9, trainer)
    vocabulary = extend_tokenizer(PreTrainedTokenizerFast(tokenizer_object=raw), 3)

    def spelt(word: str) -> list[list[str]]:
        return [[vocabulary.tokenizer.decode([t]) for t in spelling] for spelling in vocabulary.spellings(word)]

    assert spelt("the") == [[" the"], ["the"], [" The"], ["The"]]
    assert spelt("cat") == [[" cat"], ["cat"], ["C", "at"]]
    assert spelt("hat") == [["h", "at"], ["H", "at"]]  # a space alone is no piece of a word


def test_bad_input(planted, vocabulary: Vocabulary) -> None:
    plain, _ = planted.make_tokenizer()
    with pytest.raises(ArticulensError, match="no unit tokens such as <Un0>"):
        Vocabulary.of_tokenizer(plain, 100)
    with pytest.raises(ArticulensError, match="but the model has 20 rows"):
        Vocabulary.of_tokenizer(vocabulary.tokenizer, 20)
    plain.add_tokens(["<Un0>", "<Un2>"])
    with pytest.raises(ArticulensError, match="each number from 0"):
        Vocabulary.of_tokenizer(plain, 100)
    with pytest.raises(ArticulensError, match="do not fit a model of 11 rows"):
        Vocabulary.of_units(10, 2, 11)
    with pytest.raises(ArticulensError, match="unit 11 has no token"):
        interleave(Spoken("s", Units.from_frames([3, 11], 0.02), []), vocabulary)
    silent = Spoken("s", UTTERANCE.units, [(0.0, 0.2, "sil")])
    with pytest.raises(ArticulensError, match="s: this utterance has no words"):
        interleave(silent, vocabulary, [])
    with pytest.raises(ArticulensError, match="flags for 3 words"):
        interleave(UTTERANCE, vocabulary, [True])
    for words in ([(0.0, 3.0, "ka")], [(0.1, 0.2, "ka"), (0.0, 0.1, "te")], [(0.1, 0.1, "ka")]):
        with pytest.raises(ArticulensError, match="in the order of time"):
            Spoken("s", UTTERANCE.units, words)
