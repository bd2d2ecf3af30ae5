"""Making speech to train on: synthetic mouths of other speakers than the bundled corpus's, and espeak-ng voices.

Both read the texts in ``texts/``, which share no sentence with the bundled corpus. Recordings that are already
there are left as they are, so a run that was interrupted goes on.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile
import torch
from torchaudio.functional import resample

from articulens.errors import ArticulensError, suggest
from articulens.files import atomic_write

RATE_HZ = 16_000
#: Seed of the synthetic speakers. The bundled corpus is drawn from another, so that no speaker is in both.
SEED = 4051
SYNTHETIC = ("fi", "ru")
ESPEAK = ("fi", "ru", "de", "es", "fr", "it", "sv", "tr")
#: Voice variants of espeak-ng with speed (words a minute) and pitch (0 to 99).
VOICES = (("m1", 150, 40), ("f2", 165, 55), ("m3", 140, 30), ("f4", 155, 65), ("m7", 175, 45), ("f1", 145, 50))


@dataclass(frozen=True)
class Spoken:
    """One recording to train on: file in its folder, kind of voice, language, speaker, and text if known."""

    file: str
    source: str
    language: str
    speaker: str
    text: str


def texts(language: str) -> tuple[str, ...]:
    """Return the sentences of a language; Russian ones carry stress marks.

    Raises
    ------
    ArticulensError
        When there are none.
    """
    if language not in ESPEAK:
        raise ArticulensError(f"there are no texts in '{language}' to train on{suggest(language, ESPEAK)}")
    return tuple(files("articulens.pretraining").joinpath(f"texts/{language}.txt").read_text("utf-8").splitlines())


def make_speech(
    folder: str | Path,
    *,
    speakers: int = 4,
    sentences: int = 24,
    voices: int = len(VOICES),
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Make all speech that the bundled models heard besides human English.

    Parameters
    ----------
    folder
        Where to; gets FLAC files of 16 kHz and ``manifest.csv``.
    speakers, sentences
        Synthetic speakers (Finnish and Russian by turns), and how many sentences each says. About 1.4 s of
        processor time for each second of speech.
    voices
        espeak-ng voices a language; each says every text once.
    say
        Called with a line on what is done.

    Raises
    ------
    ArticulensError
        Without espeak-ng or the extra ``[synth]``.
    """
    folder = Path(folder)
    made = list(_espeak(folder, voices))
    say(f"{len(made)} espeak-ng recordings")
    made += _synthetic(folder, speakers, sentences, say)
    with atomic_write(folder / "manifest.csv", "w") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Spoken)])
        writer.writeheader()
        writer.writerows(asdict(spoken) for spoken in made)
    return folder


def read_manifest(folder: str | Path) -> list[Spoken]:
    """Return what `make_speech` made in a folder.

    Raises
    ------
    ArticulensError
        When the folder has no complete ``manifest.csv``.
    """
    path = Path(folder) / "manifest.csv"
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [Spoken(**row) for row in csv.DictReader(stream)]
    except (OSError, TypeError, ValueError) as error:
        raise ArticulensError(
            f"{path}: made speech cannot be listed ({error}); make it with `articulens models speech {folder}`."
        ) from error


def _espeak(folder: Path, voices: int) -> Iterator[Spoken]:
    program = shutil.which("espeak-ng")
    if voices and program is None:
        raise ArticulensError(
            "the program espeak-ng was not found, expected it on the PATH; install it (Debian: apt-get install "
            "espeak-ng). It is needed for training only."
        )
    for language in ESPEAK:
        for variant, speed, pitch in VOICES[:voices]:
            for k, text in enumerate(texts(language)):
                file = f"espeak-{language}/{variant}_{k:02d}.flac"
                if not (folder / file).exists():
                    with tempfile.NamedTemporaryFile(suffix=".wav") as wav:
                        voice = ["-v", f"{language}+{variant}", "-s", str(speed), "-p", str(pitch)]
                        plain = text.replace("\u0301", "")
                        subprocess.run([str(program), *voice, "-w", wav.name, plain], check=True, capture_output=True)
                        samples, rate = soundfile.read(wav.name, dtype="float32")
                    _write(folder / file, resample(torch.from_numpy(samples), rate, RATE_HZ).numpy())
                yield Spoken(file, "espeak", language, f"{language}+{variant}", text)


def _synthetic(folder: Path, speakers: int, sentences: int, say: Callable[[str], None]) -> Iterator[Spoken]:
    from articulens.synthesis import Prompt, draw_speaker
    from articulens.synthesis.render import SpeechProducer, find_voice

    # Finns and Russians of the cohort by turns; enough are drawn, since at least every third is of either group.
    cohort = [draw_speaker(index, SEED) for index in range(2 * speakers + 11)]
    groups = [[speaker for speaker in cohort if speaker.l1 == language] for language in SYNTHETIC]
    for number in range(speakers):
        speaker = groups[number % 2][number // 2]
        language = speaker.l1
        pool = texts(language)
        name = f"T{number + 1:02d}"
        producer: SpeechProducer | None = None
        for k in range(sentences):
            at = (number // 2 * sentences + k) % len(pool)
            file = f"synthetic-{language}/{name}_{at:02d}.flac"
            if not (folder / file).exists():
                producer = producer or find_voice(speaker)
                prompt = Prompt(f"{name}_{at:02d}", pool[at], language, "L1", "T2", f"train_{language}_{at:02d}")
                _write(folder / file, producer.say(prompt).audio)
            yield Spoken(file, "synthetic", language, name, pool[at])
        say(f"{name}: {sentences} sentences in {language}")


def _write(path: Path, samples: np.ndarray) -> None:
    peak = max(1.0, float(np.abs(samples).max()) / 0.99)
    with atomic_write(path) as stream:
        soundfile.write(stream, samples / peak, RATE_HZ, format="FLAC", subtype="PCM_16")
