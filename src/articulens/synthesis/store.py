"""The files of a synthetic corpus: their names, whether one is finished, and how one is written."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import soundfile

from articulens.corpora import Trajectory, Utterance, write_trajectory
from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.synthesis import vtl
from articulens.synthesis.anatomy import Speaker
from articulens.synthesis.drawings import drawings
from articulens.synthesis.interventions import Intervention
from articulens.synthesis.render import AUDIO_RATE, EMA_RATE, Production, Prompt, SpeechProducer
from articulens.synthesis.sensors import CHANNELS

VERSION = "2"  # of the generator's output; raise it when the same seed gives other bytes
RESOLUTION_MM = 0.005


def recipe_hash(speaker: Speaker, prompt: Prompt, changes: tuple[Intervention, ...]) -> str:
    """Return a hash of every cause of an utterance."""
    causes = [VERSION, speaker.to_dict(), vars(prompt), [str(change) for change in changes]]
    return hashlib.sha256(json.dumps(causes, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def paths(root: Path, prompt: Prompt) -> tuple[Path, Path, Path]:
    """Return the audio, positions and labels files of an utterance."""
    return (
        root / "audio" / f"{prompt.id}.flac",
        root / "positions" / f"{prompt.id}.parquet",
        root / "labels" / f"{prompt.id}.json",
    )


def is_done(root: Path, prompt: Prompt, recipe: str) -> bool:
    """Return whether an utterance's three files are there and come from this recipe."""
    audio, positions, labels = paths(root, prompt)
    if not (audio.exists() and positions.exists() and labels.exists()):
        return False
    try:
        return bool(json.loads(labels.read_text(encoding="utf-8")).get("recipe") == recipe)
    except (OSError, ValueError):
        return False


def write(
    root: Path,
    producer: SpeechProducer,
    prompt: Prompt,
    made: Production,
    recipe: str,
    changes: tuple[Intervention, ...],
) -> None:
    """Write one utterance: audio, then positions, then labels."""
    audio, positions, labels = paths(root, prompt)
    labels.unlink(missing_ok=True)  # written last: its presence says that the other two are whole
    buffer = io.BytesIO()
    # 12 significant bits: rounding noise lies 16 dB under the noise floor, and FLAC packs it well.
    samples = (np.round(made.audio * 2048).astype(np.int16) * 16).astype(np.int16)
    soundfile.write(buffer, samples, AUDIO_RATE, format="FLAC", subtype="PCM_16")
    with atomic_write(audio) as stream:
        stream.write(buffer.getvalue())
    positions.parent.mkdir(parents=True, exist_ok=True)
    write_trajectory(positions, Trajectory(made.positions, CHANNELS, EMA_RATE), resolution_mm=RESOLUTION_MM)
    about = producer.describe(prompt, made)
    about |= {"recipe": recipe, "generator": VERSION, "interventions": [str(change) for change in changes]}
    with atomic_write(labels, "w") as stream:
        json.dump(about, stream, ensure_ascii=False, separators=(",", ":"))


def utterance(root: Path, speaker: Speaker, prompt: Prompt) -> Utterance:
    """Return an utterance's row of the manifest."""
    audio, positions, labels = paths(root, prompt)
    meta = {"sex": speaker.sex, "l1": speaker.l1, "alpha": prompt.alpha, **prompt.extra}
    return Utterance(
        id=prompt.id,
        speaker=speaker.id,
        language=prompt.language,
        condition=prompt.condition,
        task=prompt.task,
        sentence=prompt.sentence,
        text=prompt.text.replace("\u0301", ""),
        audio=audio,
        positions=positions,
        labels=labels,
        meta=meta,
    )


def check_folder(root: Path, prompts: set[str], speakers: set[str]) -> None:
    """Raise unless the folder is new, empty, or an earlier run of this very design; sweep up after a killed one."""
    for left_over in root.rglob(".*.tmp") if root.is_dir() else []:
        left_over.unlink(missing_ok=True)
    for folder, known in (("audio", prompts), ("positions", prompts), ("labels", prompts), ("speakers", speakers)):
        for path in sorted((root / folder).glob("*")) if (root / folder).is_dir() else []:
            if not path.name.startswith(".") and path.stem not in known:
                raise ArticulensError(
                    f"{path}: belongs to another corpus than the one asked for; choose an empty folder, or the same "
                    "speakers, hours and seed as before."
                )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArticulensError(
            f"{root}: cannot be made ({error.strerror}); choose a folder that you may write to."
        ) from error


def write_speaker(root: Path, producer: SpeechProducer) -> None:
    """Write ``speakers/ID.json``: anatomy, voice, calibration and some mid-sagittal outlines."""
    about = {
        **producer.speaker.to_dict(),
        "anatomy_names": vtl.ANATOMY,
        "tract_cm": producer.shapes.summary(),
        "drawings_centi": drawings(producer),
    }
    with atomic_write(root / "speakers" / f"{producer.speaker.id}.json", "w") as stream:
        json.dump(about, stream, ensure_ascii=False, sort_keys=True)
