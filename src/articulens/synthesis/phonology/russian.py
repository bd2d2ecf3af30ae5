"""Russian: hard and soft consonants, voicing assimilation and final devoicing, vowel reduction, affricates.

Stress is written (acute accent, or ё). Clitics join the next word, so reduction and devoicing see one phonetic
word. Not modelled: softening by a following soft consonant, and most frozen spellings beyond the list below.
"""

from __future__ import annotations

from articulens.errors import ArticulensError
from articulens.synthesis.inventory import PAUSE, VOICED, VOICELESS
from articulens.synthesis.phonology.segments import Segment, words

ACUTE = "\u0301"
_HARD = {
    **dict(zip("бвгдзклмнпрстфх", "bvgdzklmnprstfx", strict=True)),
    "ж": "ʐ",
    "ш": "ʂ",
    "ц": "ts",
    "ч": "tɕ",
    "щ": "ɕ",
    "й": "j",
}
_VOWELS = {"а": "a", "э": "ɛ", "о": "ɔ", "у": "u", "ы": "ɨ", "я": "a", "е": "ɛ", "ё": "ɔ", "ю": "u", "и": "i"}
_SOFTENING = "яеёюиь"
_IOTATED = "яеёю"
_ALWAYS_HARD, _ALWAYS_SOFT = "жшц", "чщй"
_TRIGGERS = set("bdgzʐ")  # v does not voice what stands before it
CLITICS = set("в на и не с у к по за из от до но а о об под над при без для со во ко ни да".split())
_PARTICLES = {"же", "ли", "бы"}
_WEAK = set("я ты он мы вы это был была были ну вот так что как".split())
HESITATIONS = {"э", "ээ", "эээ", "мм", "ммм"}
_SPELLING = {"что": "што", "чтобы": "што́бы", "конечно": "коне́шно", "сегодня": "сево́дня", "солнце": "со́нце"}
_SPELLING |= {
    "пожалуйста": "пожа́луста",
    "поздно": "по́зно",
    "праздник": "пра́зник",
    "его": "ево́",
    "сердце": "се́рце",
    "ээ": "э",
    "ммм": "м",
}


def transcribe(text: str) -> list[Segment]:
    """Return the phones of a Russian text (see `articulens.synthesis.phonology.transcribe`)."""
    segments: list[Segment] = []
    waiting = ""
    number = 0
    for kind, token in words(text):
        if kind == "pause":
            if waiting:  # a clitic with nothing to lean on is a word
                segments += _word(waiting, number, waiting)
                waiting, number = "", number + 1
            segments.append(Segment(PAUSE, long=token == "long"))
            continue
        plain = token.replace(ACUTE, "").strip("-'’")
        if plain in CLITICS and ACUTE not in token and not token.endswith("-"):
            waiting += plain
            continue
        word = _respell(token.strip("-'’"), plain)
        segments += _word(waiting + word, number, plain)
        waiting = ""
        number += 1
        if token.endswith("-"):
            segments.append(Segment(PAUSE, notes=["broken off"]))
    if waiting:
        segments += _word(waiting, number, waiting)
    return segments


def _respell(word: str, plain: str) -> str:
    if plain in _SPELLING:
        return _SPELLING[plain]
    bare_end = plain[-3:]
    if bare_end in ("ого", "его") and len(plain) > 4 and plain not in ("много", "строго", "дорого", "немного"):
        return word[: word.rindex("г")] + "в" + word[word.rindex("г") + 1 :]
    return word.replace("ться", "ца").replace("тся", "ца").replace("сч", "щ")


def _word(word: str, number: int, plain: str) -> list[Segment]:
    letters, stressed = _split(word, plain)
    out: list[Segment] = []
    nuclei: list[tuple[Segment, str, bool, bool]] = []  # segment, letter, after a soft consonant, at word start
    k = 0
    while k < len(letters):
        letter = letters[k]
        if letter in "ьъ":
            k += 1
            continue
        if letter in _VOWELS:
            before = letters[k - 1] if k else ""
            open_before = k == 0 or before in _VOWELS or before in "ьъ"
            if (letter in _IOTATED and open_before) or (letter == "и" and before == "ь"):
                out.append(Segment("j", palatal=1.0))
            vowel = Segment(_VOWELS[letter], stress=2 if k == stressed else 0)
            soft = bool(out) and out[-1].palatal > 0.5
            if letter == "и" and before and before in _ALWAYS_HARD:
                vowel.phone = "ɨ"
            nuclei.append((vowel, letter, soft, k == 0))
            out.append(vowel)
        elif letter in _HARD:
            after = letters[k + 1] if k + 1 < len(letters) else ""
            doubled = after == letter
            if doubled:
                after = letters[k + 2] if k + 2 < len(letters) else ""
            soft = letter in _ALWAYS_SOFT or (bool(after) and after in _SOFTENING and letter not in _ALWAYS_HARD)
            out += _consonant(_HARD[letter], soft, doubled or letter == "щ", len(out) + 1000 * number)
            k += doubled
        else:
            raise ArticulensError(
                f"Russian word {plain!r}: the letter {letter!r} has no phone; spell the word with the 33 letters."
            )
        k += 1
    _assimilate(out)
    _reduce(nuclei)
    hesitation = plain in HESITATIONS
    for segment in out:
        segment.word = number
        segment.filler = hesitation
        if plain in _WEAK and segment.stress:
            segment.stress = 1
    return out


def _split(word: str, plain: str) -> tuple[str, int]:
    """Return the letters without accents, and the place of the stressed vowel."""
    at = word.find(ACUTE)
    letters = word.replace(ACUTE, "")
    if at > 0:
        return letters, at - 1
    if "ё" in letters:
        return letters, letters.index("ё")
    vowels = [k for k, letter in enumerate(letters) if letter in _VOWELS]
    own = [] if plain in _PARTICLES else [k for k in vowels if k >= len(letters) - len(plain)]
    if len(own) > 1 and plain not in HESITATIONS:
        raise ArticulensError(
            f"Russian word {plain!r}: {len(own)} vowels and no stress mark were found; put an acute accent "
            "(U+0301) after the stressed vowel."
        )
    return letters, own[0] if own else -1


def _consonant(phone: str, soft: bool, long: bool, group: int) -> list[Segment]:
    if phone in ("ts", "tɕ"):  # an affricate: a closure released into its fricative, one label
        palatal = 1.0 if phone == "tɕ" else 0.0
        return [Segment("t", palatal=palatal, group=group), Segment(phone[1:], palatal=palatal, group=group)]
    velar = 0.0 if soft or phone in "jxkgʂʐ" else 0.3
    return [Segment(phone, long=long, palatal=1.0 if soft else 0.0, velar=velar)]


def _assimilate(phones: list[Segment]) -> None:
    """Devoice at the end of the word, then let each obstruent take the voicing of the next."""
    for k in range(len(phones) - 1, -1, -1):
        phone = phones[k].phone
        if phone not in VOICELESS and phone not in VOICED:
            continue
        after = phones[k + 1] if k + 1 < len(phones) else None
        if after is None or after.phone in VOICED:
            phones[k].phone = VOICELESS.get(phone, phone)
        elif after.phone in _TRIGGERS and phones[k].group is None:
            phones[k].phone = VOICED.get(phone, phone)


def _reduce(nuclei: list[tuple[Segment, str, bool, bool]]) -> None:
    """Give unstressed vowels their reduced quality, by their place before or after the stress."""
    main = next((k for k, (vowel, *_) in enumerate(nuclei) if vowel.stress), None)
    for k, (vowel, letter, soft, initial) in enumerate(nuclei):
        if vowel.stress:
            if soft and letter in "юу":
                vowel.phone = "ʉ"
            continue
        pretonic = main is not None and k == main - 1
        vowel.pretonic = pretonic
        if letter in "аояё" and not soft:
            vowel.phone = "ɐ" if pretonic or initial else "ə"
        elif letter in "аояё":
            vowel.phone = "ə" if k == len(nuclei) - 1 and main is not None and k > main else "ɪ"
        elif letter in "еэ":
            vowel.phone = "ɪ" if soft or letter == "э" else "ɨ"
        elif letter == "и" and vowel.phone == "i":
            vowel.phone = "ɪ"
