"""One speaker saying one text: `SpeechProducer` turns text into sound, sensor tracks and causes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from articulens.errors import ArticulensError
from articulens.synthesis import vtl
from articulens.synthesis.accent import apply_accent
from articulens.synthesis.anatomy import Speaker, nearer
from articulens.synthesis.contacts import settle
from articulens.synthesis.interventions import Intervention
from articulens.synthesis.phonology import Segment, transcribe
from articulens.synthesis.prosody import time_segments
from articulens.synthesis.sensors import SensorModel
from articulens.synthesis.shapes import Shapes
from articulens.synthesis.targets import targets as articulatory_targets
from articulens.synthesis.trajectories import RATE_HZ, boundaries, movements
from articulens.synthesis.voice import glottis
from articulens.synthesis.vtl import Floats

AUDIO_RATE = 16000
EMA_RATE = 100
SAMPLES_PER_STATE = 220  # of 44.1 kHz: about 200 tract states a second
GAIN = 4.0
NOISE_FLOOR = 10 ** (-61 / 20)
_HIGH_PASS = butter(2, 60, "high", fs=AUDIO_RATE, output="sos")


@dataclass(frozen=True)
class Prompt:
    """What is to be said and how: the whole cause of an utterance, beside the speaker."""

    id: str
    text: str
    language: str
    condition: str
    task: str
    sentence: str
    alpha: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Production:
    """What came out: sound, sensors and the causes in between.

    Attributes
    ----------
    audio
        (samples,) float64 at 16 kHz, within ±1, rounded to 12 bits.
    positions
        (frames, 12) mm at 100 Hz in the order of `articulens.synthesis.sensors.CHANNELS`; frame 0 at 0 s.
    segments, targets
        Phones with durations, and their tract states (phones, 19).
    tract
        Tract parameters over time (samples, 19) at 1 kHz.
    """

    audio: Floats
    positions: Floats
    segments: list[Segment]
    targets: Floats
    tract: Floats


class SpeechProducer:
    """A calibrated speaker that can say things.

    Parameters
    ----------
    speaker
        Whose mouth and voice.

    Raises
    ------
    ArticulensError
        When the anatomy cannot be calibrated, or the extra ``[synth]`` is missing.
    """

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.tract = vtl.VocalTract(speaker.anatomy)
        self.shapes = Shapes(speaker, self.tract)
        self.sensors = SensorModel(self.shapes)

    def stream(self, prompt: Prompt, purpose: str) -> np.random.Generator:
        """Return the random stream of one prompt and purpose: independent of order, jobs and other streams."""
        return np.random.default_rng(
            [self.speaker.seed, 2, self.speaker.index, zlib.crc32(prompt.id.encode()), zlib.crc32(purpose.encode())]
        )

    def say(self, prompt: Prompt, interventions: tuple[Intervention, ...] = ()) -> Production:
        """Return the sound and movements of `prompt`, the same bytes for the same arguments.

        Raises
        ------
        ArticulensError
            When the sound would clip or is not finite: a speaker or an intervention beyond what the model can do.
        """
        segments = transcribe(prompt.text, prompt.language)
        segments = apply_accent(segments, prompt.language, prompt.alpha, self.stream(prompt, "accent"))
        segments = time_segments(
            segments, prompt.language, prompt.task, self.speaker.rate, self.stream(prompt, "timing")
        )
        states = articulatory_targets(segments, self.shapes, self.stream(prompt, "tokens"))

        def move(states: Floats, delays: dict[str, float] | None = None) -> Floats:
            return movements(segments, states, self.speaker.slowness, self.stream(prompt, "wander"), delays)

        states = settle(segments, states, move, self.tract)
        delays: dict[str, float] = {}
        for intervention in interventions:
            states = intervention.on_targets(segments, states, self.shapes, self.sensors)
            delays |= intervention.delays_ms()
        tracks = self.tract.clip(move(states, delays))
        question = prompt.text.rstrip().endswith("?")
        voice = glottis(segments, self.speaker, self.tract, self.stream(prompt, "pitch"), question)
        audio = self._sound(tracks, voice, self.stream(prompt, "noise"))
        if not np.isfinite(audio).all() or np.abs(audio).max() > 0.99:
            raise ArticulensError(
                f"utterance {prompt.id}: the synthesiser's sound reaches {np.abs(audio).max():.2f} of full scale, but "
                "at most 0.99 can be stored; use a milder intervention or another speaker."
            )
        times = np.arange(0.0, (len(audio) - 1) / AUDIO_RATE, 1 / EMA_RATE)
        positions = self.sensors.positions(_at(tracks, times))
        return Production(np.round(audio * 2047) / 2048, positions, segments, states, tracks)

    def _sound(self, tracks: Floats, voice: Floats, rng: np.random.Generator) -> Floats:
        """Return audio (samples,) at 16 kHz for tracks at 1 kHz, over a soft noise floor."""
        times = np.arange(0.0, (len(tracks) - 1) / RATE_HZ, SAMPLES_PER_STATE / vtl.SAMPLE_RATE)
        raw = self.tract.speak(_at(tracks, times), _at(voice, times), SAMPLES_PER_STATE)
        audio = sosfiltfilt(_HIGH_PASS, resample_poly(raw, 160, 441)) * GAIN
        floor = np.convolve(rng.normal(size=len(audio)), [0.6, 0.3, 0.1], "same")
        return np.asarray(audio + NOISE_FLOOR * floor)

    def describe(self, prompt: Prompt, made: Production) -> dict[str, Any]:
        """Return the labels of an utterance: phones with times, and every cause, as plain values for JSON."""
        edges = boundaries(made.segments)
        phones: list[dict[str, Any]] = []
        previous: Segment | None = None
        for k, segment in enumerate(made.segments):
            start, end = round(float(edges[k]), 4), round(float(edges[k + 1]), 4)
            if segment.group is not None and previous is not None and previous.group == segment.group:
                phones[-1]["label"] += segment.label
                phones[-1]["end_s"] = end
                phones[-1]["parts"].append(_part(segment))
            else:
                phones.append({"label": segment.label, "start_s": start, "end_s": end})
                if segment.kind != "P":
                    phones[-1] |= {"word": segment.word, "stress": segment.stress, "parts": [_part(segment)]}
            previous = segment
        centres = _at(made.tract, (edges[:-1] + edges[1:]) / 2)
        areas = [round(self.tract.oral_area(state), 3) for state in centres]
        return {
            "id": prompt.id,
            "speaker": self.speaker.id,
            "text": prompt.text.replace("\u0301", ""),
            "text_with_stress": prompt.text,
            "language": prompt.language,
            "condition": prompt.condition,
            "task": prompt.task,
            "alpha": prompt.alpha,
            "seed": self.speaker.seed,
            "rate": self.speaker.rate,
            **prompt.extra,
            "phones": phones,
            "segments": [segment.label for segment in made.segments],
            "segment_ends_s": [round(float(edge), 4) for edge in edges[1:]],
            "oral_area_cm2": areas,
            "target_parameters": " ".join(vtl.TRACT),
            "targets_centi": np.round(made.targets * 100).astype(int).tolist(),
        }


def _part(segment: Segment) -> dict[str, Any]:
    """Return the causes of one phone that differ from the usual."""
    part: dict[str, Any] = {"phone": segment.phone}
    for name in ("palatal", "velar", "reduction"):
        if getattr(segment, name):
            part[name] = round(getattr(segment, name), 3)
    if segment.toward:
        part["toward"] = [segment.toward[0], round(segment.toward[1], 3)]
    if segment.voicing:
        part["voicing"] = segment.voicing
    if segment.notes:
        part["notes"] = segment.notes
    return part


def _at(tracks: Floats, times: NDArray[np.float64]) -> Floats:
    """Return `tracks` (samples, k) at 1 kHz read at `times` (s), linearly."""
    grid = np.arange(len(tracks)) / RATE_HZ
    return np.array([np.interp(times, grid, tracks[:, column]) for column in range(tracks.shape[1])]).T.copy()


def find_voice(speaker: Speaker) -> SpeechProducer:
    """Return a producer for `speaker`; a mouth that cannot be made to speak is moved towards the typical one.

    Drawn anatomies now and then leave no room for some vowel. Such a mouth keeps three quarters of its distance from
    the typical mouth of its sex, again and again until it speaks; ``producer.speaker`` has the anatomy that does.

    Raises
    ------
    ArticulensError
        When even a mouth near the typical one does not speak.
    """
    for step in range(7):
        try:
            return SpeechProducer(nearer(speaker, 0.75**step) if step else speaker)
        except ArticulensError:
            continue
    return SpeechProducer(nearer(speaker, 0.75**7))
