"""Making the speech that the bundled speech–text models heard, with the times of its words.

espeak-ng reads sentences of the grammars of `articulens.speechlm.texts` in Finnish, Russian and English. To these come
the synthetic mouths that the bundled encoders were trained on (Finnish and Russian; other speakers and sentences than
the bundled corpus's). Recordings that are already there are left as they are, so a run that was interrupted goes on.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torchaudio.functional import resample

from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.pretraining.speech import RATE_HZ, VOICES, read_manifest
from articulens.pretraining.speech import SEED as SYNTHETIC_SEED
from articulens.speechlm.texts import LANGUAGES, plain_words, spread
from articulens.synthesis.anatomy import Speaker

#: Decides which sentences of a grammar are recorded.
SEED = 10_011
MANIFEST = "manifest.jsonl"
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """One recording: file in its folder, kind of voice, language, speaker, text, and times of its words.

    `words` are in lower case, without stress marks; `times_s` has start and end of each.
    """

    file: str
    source: str
    language: str
    speaker: str
    text: str
    words: tuple[str, ...]
    times_s: tuple[tuple[float, float], ...]


def make_recordings(
    folder: str | Path,
    *,
    speech: str | Path | None = None,
    sentences: int = 500,
    readings: int = 3,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Make all the speech of the bundled speech–text models.

    Parameters
    ----------
    folder
        Where to; gets FLAC files of 16 kHz and ``manifest.jsonl``.
    speech
        Folder of ``articulens models speech``, whose synthetic mouths are taken over; none by default.
    sentences, readings
        espeak-ng: how many sentences a language (of English half as many), each read by so many voices.
    say
        Called with a line on what is done.

    Raises
    ------
    ArticulensError
        Without the library of espeak-ng.
    """
    folder = Path(folder)
    made = list(_espeak(folder, sentences, readings))
    say(f"{len(made)} espeak-ng recordings")
    if speech is not None:
        made += (mouths := list(_synthetic(folder, Path(speech))))
        say(f"{len(mouths)} recordings of synthetic mouths")
    with atomic_write(folder / MANIFEST, "w") as stream:
        for recording in made:
            stream.write(json.dumps(asdict(recording), ensure_ascii=False) + "\n")
    return folder


def read_recordings(folder: str | Path) -> list[Recording]:
    """Return what `make_recordings` made in a folder.

    Raises
    ------
    ArticulensError
        When the folder has no complete ``manifest.jsonl``.
    """
    path = Path(folder) / MANIFEST
    try:
        with open(path, encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        return [
            Recording(**row | {"words": tuple(row["words"]), "times_s": tuple((a, b) for a, b in row["times_s"])})
            for row in rows
        ]
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise ArticulensError(
            f"{path}: recordings cannot be listed ({error}); make them with `articulens models recordings {folder}`."
        ) from error


def labelled_words(labels: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return (word, start_s, end_s) of an utterance of the synthesiser from its labels (the JSON of a corpus).

    What leans on its neighbour in speech ("на стол") is one word of the labels and two of the text; it then shares
    the time by letters.
    """
    from articulens.synthesis.phonology.russian import CLITICS

    groups: list[list[str]] = [[]]
    for token in labels["text_with_stress"].lower().split():
        words = plain_words(token)
        groups[-1] += words
        leans = labels["language"] == "ru" and words and words[0] in CLITICS and "\u0301" not in token
        if words and not (leans and token[-1].isalpha()):
            groups.append([])
    spans: dict[int, tuple[float, float]] = {}
    for phone in labels["phones"]:
        if "word" in phone:
            start = spans.get(phone["word"], (phone["start_s"],))[0]
            spans[phone["word"]] = (start, phone["end_s"])
    timed: list[tuple[str, float, float]] = []
    for number, group in enumerate(group for group in groups if group):
        if number in spans:
            timed += _shared(group, *spans[number])
    return timed


def _shared(words: Sequence[str], start: float, end: float) -> list[tuple[str, float, float]]:
    """Divide an interval among words by their letters."""
    edges = start + (end - start) * np.cumsum([0, *map(len, words)]) / sum(map(len, words))
    return [(word, round(float(a), 4), round(float(b), 4)) for word, a, b in zip(words, edges, edges[1:], strict=False)]


def _synthetic(folder: Path, speech: Path) -> Iterator[Recording]:
    """Copy the recordings of synthetic mouths, and work out again when each of their words was said."""
    from articulens.synthesis import draw_speaker

    for row in read_manifest(speech):
        if row.source == "synthetic":
            if not (folder / row.file).exists():
                with atomic_write(folder / row.file) as stream:
                    stream.write((speech / row.file).read_bytes())
            number = int(row.speaker[1:]) - 1
            # As `articulens models speech` chose them: Finns and Russians of the cohort by turns.
            speaker = draw_speaker(number // 2 + (11 if number % 2 else 0), SYNTHETIC_SEED)
            timed = _timed_again(row.language, row.text, speaker, Path(row.file).stem)
            yield _recording(row.file, row.source, row.language, row.speaker, row.text, timed)


def _timed_again(language: str, text: str, speaker: Speaker, prompt: str) -> list[tuple[str, float, float]]:
    """Return the words with the times that `SpeechProducer.say` gave them; these do not depend on the mouth."""
    from articulens.synthesis import transcribe
    from articulens.synthesis.prosody import time_segments
    from articulens.synthesis.trajectories import boundaries

    parts = (prompt.encode(), b"timing")
    rng = np.random.default_rng([speaker.seed, 2, speaker.index, *map(zlib.crc32, parts)])
    segments = time_segments(transcribe(text, language), language, "T2", speaker.rate, rng)
    edges = boundaries(segments)
    phones = [
        {"start_s": start, "end_s": end, "word": segment.word}
        for segment, start, end in zip(segments, edges, edges[1:], strict=False)
        if segment.kind != "P"
    ]
    return labelled_words({"text_with_stress": text, "language": language, "phones": phones})


def _espeak(folder: Path, sentences: int, readings: int) -> Iterator[Recording]:
    program: _Espeak | None = None
    for language in LANGUAGES:
        count = sentences // 2 if language == "en" else sentences
        for k, sentence in enumerate(spread(language, count, SEED)):
            for reading in range(readings):
                variant, speed, pitch = VOICES[(k + reading + k // len(VOICES)) % len(VOICES)]
                file = f"espeak-{language}/{variant}_{k:04d}.flac"
                labels = (folder / file).with_suffix(".json")
                if not labels.exists():
                    program = program or _Espeak()
                    plain = sentence.text.replace("\u0301", "")
                    samples, timed = program.say(plain, f"{language}+{variant}", speed, pitch)
                    _write(folder / file, samples)
                    with atomic_write(labels, "w") as stream:
                        json.dump(timed, stream, ensure_ascii=False)
                timed = json.loads(labels.read_text("utf-8"))
                yield _recording(file, "espeak", language, f"{language}+{variant}", sentence.text, timed)


def _recording(file: str, source: str, language: str, speaker: str, text: str, timed: Sequence[Any]) -> Recording:
    words, times = tuple(word for word, _, _ in timed), tuple((start, end) for _, start, end in timed)
    return Recording(file, source, language, speaker, text, words, times)


def _write(path: Path, samples: Samples) -> None:
    peak = max(1.0, float(np.abs(samples).max()) / 0.99)
    with atomic_write(path) as stream:
        soundfile.write(stream, samples / peak, RATE_HZ, format="FLAC", subtype="PCM_16")


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of espeak-ng's ``speak_lib.h``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_SYNCHRONOUS, _UTF8, _RATE, _PITCH, _END_OF_LIST, _WORD = 2, 1, 1, 3, 0, 1


class _Espeak:
    """The library of espeak-ng, which says when each word begins (the program does not)."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise ArticulensError(
                "the library libespeak-ng was not found, expected it among the system's libraries; install it "
                "(Debian: apt-get install espeak-ng). It is needed for training only."
            )
        self._library = ctypes.CDLL(name)
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._samples: list[NDArray[np.int16]] = []
        self._words: list[tuple[int, int]] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if count > 0 and wave:
            self._samples.append(np.frombuffer(ctypes.string_at(wave, 2 * count), np.int16))
        k = 0
        while events[k].type != _END_OF_LIST:
            if events[k].type == _WORD:
                self._words.append((events[k].text_position - 1, events[k].sample))
            k += 1
        return 0

    def say(self, text: str, voice: str, speed: int, pitch: int) -> tuple[Samples, list[tuple[str, float, float]]]:
        """Return samples at 16 kHz, and (word, start_s, end_s) of each word."""
        self._samples, self._words = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ArticulensError(f"espeak-ng has no voice '{voice}'; install its voices (package espeak-ng-data).")
        self._library.espeak_SetParameter(_RATE, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        content = text.encode()
        self._library.espeak_Synth(content, len(content) + 1, 0, 1, 0, _UTF8, None, None)
        wave = np.concatenate(self._samples).astype(np.float32) / 32768
        loud = np.flatnonzero(np.abs(wave) > 0.005)
        end = int(loud[-1]) + 1
        # Words that are said as one ("on the") begin together: the event before a word's place holds it.
        starts = sorted({(at, sample) for at, sample in self._words})
        held: list[list[str]] = [[] for _ in starts]
        for match in re.finditer(r"\S+", text):
            if words := plain_words(match[0]):
                place = sum(at < match.end() for at, _ in starts) - 1
                held[max(0, place)] += words
        edges = [sample / self._rate_hz for _, sample in starts] + [end / self._rate_hz]
        timed = [item for k, words in enumerate(held) if words for item in _shared(words, edges[k], edges[k + 1])]
        samples = resample(torch.from_numpy(wave), self._rate_hz, RATE_HZ).numpy()
        return samples, timed
