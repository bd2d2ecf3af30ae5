"""Finnish and Russian, from letters to phones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articulens.errors import ArticulensError
from articulens.synthesis.inventory import PAUSE, VOWELS, formant_range, known
from articulens.synthesis.phonology import Segment, transcribe
from articulens.synthesis.texts import texts


def phones(text, language):
    return " ".join(s.label for s in transcribe(text, language))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tuli", "t u l i"),
        ("tuuli", "t uː l i"),
        ("tulli", "t u lː i"),
        ("kenkä", "k e ŋ k æ"),
        ("kengät", "k e ŋː æ t"),
        ("yö, söi", "y ø _ s ø i"),
        ("vauva", "ʋ ɑ u ʋ ɑ"),
    ],
)
def test_finnish_quantity_and_velar_nasal(text, expected):
    assert phones(text, "fi") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("мат", "m a t"),
        ("мать", "m a tʲ"),
        ("мять", "mʲ a tʲ"),
        ("быть", "b ɨ tʲ"),
        ("бить", "bʲ i tʲ"),
        ("жизнь", "ʐ ɨ zʲ nʲ".replace("zʲ", "z")),
        ("зуб", "z u p"),
        ("сва́дьба", "s v a dʲ b ə"),
        ("вода́", "v ɐ d a"),
        ("молоко́", "m ə l ɐ k ɔ"),
        ("лес", "lʲ ɛ s"),
        ("леса́", "lʲ ɪ s a"),
        ("царь", "t s a rʲ"),
        ("чай", "tʲ ɕ a j"),
        ("щи", "ɕː i"),
        ("ёлка", "j ɔ l k ə"),
        ("пьём", "pʲ j ɔ m"),
        ("в саду́", "f s ɐ d u"),
        ("от го́рода", "ɐ d g ɔ r ə d ə"),
        ("доро́гого", "d ɐ r ɔ g ə v ə"),
        ("учи́ться", "u tʲ ɕ i t s ə"),
        ("Да, и дом", "d a _ ɪ d ɔ m"),
    ],
)
def test_russian_softness_reduction_and_voicing(text, expected):
    assert phones(text, "ru") == expected


def test_stress_marks_the_right_vowel():
    stressed = [s.phone for s in transcribe("за́мок замо́к", "ru") if s.stress == 2]
    assert stressed == ["a", "ɔ"]
    assert [s.stress for s in transcribe("kalastaja", "fi") if s.kind == "V"] == [2, 0, 1, 0]


def test_affricate_halves_share_a_group():
    first, second, *_ = transcribe("царь", "ru")
    assert first.group is not None and first.group == second.group
    assert transcribe("отца́", "ru")[1].group != transcribe("отца́", "ru")[2].group


def test_broken_off_words_and_fillers():
    segments = transcribe("Öö, me- mentiin", "fi")
    assert segments[0].filler and segments[0].long
    assert [s.notes for s in segments if s.kind == "P"] == [[], ["broken off"]]


@given(st.text(alphabet="aeiouyäöptkdshlrmnvj", min_size=1, max_size=12))
def test_finnish_keeps_every_letter(word):
    segments = transcribe(word, "fi")
    said = sum(2 if s.long else 1 for s in segments)
    assert said == len(word)
    assert all(s.phone in VOWELS or s.kind == "C" for s in segments)


@given(st.lists(st.sampled_from("бвгджзклмнпрстфхцчшщаоуыэияюе"), min_size=1, max_size=10))
def test_russian_never_fails_on_one_stressed_vowel(letters):
    vowels = [k for k, letter in enumerate(letters) if letter in "аоуыэияюе"]
    word = "".join(letters)
    if vowels:
        word = word[: vowels[0] + 1] + "\u0301" + word[vowels[0] + 1 :]
    segments = transcribe(word, "ru")
    assert sum(s.stress > 0 for s in segments) == bool(vowels)
    assert all(known(s.phone) for s in segments)


def test_errors_name_what_was_found():
    with pytest.raises(ArticulensError, match="'q' has no phone"):
        transcribe("quu", "fi")
    with pytest.raises(ArticulensError, match="no stress mark"):
        transcribe("молоко", "ru")
    with pytest.raises(ArticulensError, match="language 'sv'"):
        transcribe("hej", "sv")
    with pytest.raises(ArticulensError, match="phone 'Q' is not in the inventory"):
        Segment("Q")


@pytest.mark.parametrize("language", ["fi", "ru"])
def test_texts_are_enough_and_can_all_be_said(language):
    kinds = texts(language)
    assert len(kinds["sent"]) >= 40 and len(kinds["list"]) >= 12 and len(kinds["spon"]) >= 12
    everything = [text for kind in kinds.values() for text in kind]
    assert len({text.id for text in everything}) == len({text.text for text in everything}) == len(everything)
    said = {s.phone for text in everything for s in transcribe(text.text, language)}
    expected = set("ieæɑouyø") if language == "fi" else set("iaɛɔɨʉɐəɪʂʐɕx")
    assert expected | {PAUSE} <= said
    for slot in ("action", "object", "place"):
        counts = [text.intent[slot] for text in kinds["cmd"]]
        assert all(counts.count(value) == 4 for value in set(counts)) and len(set(counts)) == 3


def test_formant_ranges_scale_with_sex():
    for vowel in VOWELS:
        man, woman = formant_range(vowel, "m"), formant_range(vowel, "f")
        assert man[0] < VOWELS[vowel].f1_hz < man[1] and man[2] < VOWELS[vowel].f2_hz < man[3]
        assert all(w > m for w, m in zip(woman, man, strict=True))
