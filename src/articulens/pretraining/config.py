"""What a model is trained on and how: one YAML a model, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from articulens.errors import ArticulensError, suggest

OBJECTIVES = ("distillation", "masked", "ctc", "speaker", "dino")
SOURCES = ("human", "synthetic", "espeak")


@dataclass(frozen=True)
class Source:
    """A kind of speech: human recordings, synthetic mouths, or espeak-ng; in which languages.

    Parameters
    ----------
    source
        ``"human"``, ``"synthetic"`` or ``"espeak"``.
    languages
        ISO codes.
    weight
        Share of the batches, relative to the other sources.
    """

    source: str
    languages: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One objective for some steps.

    Parameters
    ----------
    objective
        ``"distillation"`` (regress states of the teacher), ``"masked"`` (predict clusters of masked frames), ``"ctc"``
        (predict phones), ``"speaker"`` (tell the voice), ``"dino"`` (two excerpts of a voice mean the same).
    steps, batch, seconds
        Updates, excerpts in each, and their length in s (of CTC: the longest utterance that is used).
    learning_rate
        Peak; warmed up over the first tenth, then falling as a cosine to zero.
    match
        Distillation: layer of the student to layer of the teacher.
    clusters
        Masked: how many.
    cluster_layer
        Masked: ``"mfcc"``, or the layer of the model itself, as it is when the stage begins.
    mask_probability, mask_span
        Masked: how likely a frame starts a masked span, and how many frames that has.
    unmasked
        Masked: weight of the loss on the frames that were not masked.
    frozen_front_end
        Whether the convolutions stay as they are.
    tilt
        Each excerpt is filtered by 1 - *a* z⁻¹, *a* drawn between plus and minus this (0 to 0.9): the spectra of other
        voices, microphones and synthesisers. The teacher heard the plain sound.
    noise
        Speaker and DINO: white noise is added to each excerpt, at most at this share of the recording's level.
    speeds
        Speaker and DINO: each speaker at each of these speeds is a voice of its own.
    margin, scale
        Speaker: additive angular margin in radians, and the scale of cosines.
    prototypes, temperature, teacher_temperature, momentum
        DINO: how many prototypes; temperatures of student and teacher; share of the teacher that a step leaves.
    """

    objective: str
    steps: int
    batch: int = 12
    seconds: float = 2.0
    learning_rate: float = 2e-3
    match: Mapping[str, str] = field(default_factory=dict)
    clusters: int = 100
    cluster_layer: str = "mfcc"
    mask_probability: float = 0.065
    mask_span: int = 10
    unmasked: float = 0.0
    frozen_front_end: bool = False
    tilt: float = 0.0
    noise: float = 0.0
    speeds: tuple[float, ...] = (1.0,)
    margin: float = 0.2
    scale: float = 30.0
    prototypes: int = 256
    temperature: float = 0.1
    teacher_temperature: float = 0.04
    momentum: float = 0.99


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a model's weights but the files of speech.

    Parameters
    ----------
    name
        Of the model and its folder.
    summary
        One sentence for the card.
    architecture
        Configuration of transformers with its ``model_type``, or of an ``ecapa-tdnn`` (`EcapaConfig`).
    speech, stages
        What is heard, and the objectives one after the other.
    base
        Bundled model to start from; random weights by default.
    teacher
        Encoder whose states are regressed: a hub id, or a folder given when training.
    seed
        Decides the initial weights, every excerpt and every mask.
    log_every
        Steps between two points of the curve, which are also the checkpoints.
    dtype
        ``"fp32"``, or ``"bf16"`` for mixed precision.
    compile
        Whether the network goes through ``torch.compile``.
    """

    name: str
    summary: str
    architecture: Mapping[str, Any]
    speech: tuple[Source, ...]
    stages: tuple[Stage, ...]
    base: str | None = None
    teacher: str = "openai/whisper-tiny.en"
    seed: int = 0
    log_every: int = 50
    dtype: str = "fp32"
    compile: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def shipped() -> list[str]:
    """Return the names of the configurations that come with the package."""
    return shipped_names("articulens.pretraining")


def shipped_names(package: str) -> list[str]:
    """Return the names of the YAML files in the folder ``configs`` of a package."""
    folder = files(package).joinpath("configs")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_config(config: str | Path) -> TrainingConfig:
    """Read a configuration: the name of a shipped one, or a YAML file.

    Raises
    ------
    ArticulensError
        When there is none, a key is unknown or missing, or a value is impossible.
    """
    return parse_config(read_yaml(config, "articulens.pretraining", "training configuration"), str(config))


def read_yaml(name: str | Path, package: str, what: str) -> Any:
    """Return what a YAML file says: one that is shipped in ``configs`` of a package, by its name, or any by its path.

    Raises
    ------
    ArticulensError
        When there is none, or it is no YAML; `what` is asked for.
    """
    text, known = str(name), shipped_names(package)
    try:
        if text in known:
            content = files(package).joinpath(f"configs/{text}.yaml").read_text("utf-8")
        else:
            content = Path(text).expanduser().read_text("utf-8")
        return yaml.safe_load(content)
    except OSError:
        raise ArticulensError(
            f"there is no {what} '{text}', expected a shipped name or a YAML file{suggest(text, known)}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ArticulensError(f"{text}: not readable as YAML ({error}); correct it.") from error


def parse_config(values: Any, place: str) -> TrainingConfig:
    """Check the values of a configuration; `place` is named in errors."""
    made = checked_keys(TrainingConfig, values, place)
    speech = tuple(checked_keys(Source, item, f"{place}: speech") for item in made["speech"] or ())
    stages = tuple(checked_keys(Stage, item, f"{place}: stages") for item in made["stages"] or ())
    config = TrainingConfig(
        **made
        | {
            "speech": tuple(Source(**s | {"languages": tuple(s["languages"])}) for s in speech),
            "stages": tuple(Stage(**s | {"speeds": tuple(s.get("speeds", (1.0,)))}) for s in stages),
        }
    )
    problem = _problem(config)
    if problem:
        raise ArticulensError(f"{place}: {problem}; correct the configuration.")
    return config


_PLAIN: dict[Any, tuple[Any, str]] = {
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "str": (str, "text"),
}


def checked_keys(kind: Any, values: Any, place: str) -> dict[str, Any]:
    """Return `values` if they are keyword arguments of the dataclass `kind`, and its plain ones of the right type."""
    known = [f.name for f in fields(kind)]
    if not isinstance(values, dict):
        raise ArticulensError(f"{place}: found {type(values).__name__}, expected keys such as {known[0]}; correct it.")
    for key in values:
        if key not in known:
            raise ArticulensError(f"{place}: unknown key '{key}'{suggest(str(key), known)}")
    for f in fields(kind):
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise ArticulensError(f"{place}: the key '{f.name}' is missing; add it.")
        types, words = _PLAIN.get(f.type, (object, "anything"))
        if f.name in values and not isinstance(values[f.name], types):
            raise ArticulensError(f"{place}: {f.name} is {values[f.name]!r}, expected {words}; correct it.")
    return values


def _problem(config: TrainingConfig) -> str | None:
    if not config.stages or not config.speech:
        return "there are no stages or no speech"
    if config.dtype not in ("fp32", "bf16"):
        return f"dtype is '{config.dtype}', expected fp32 or bf16"
    for source in config.speech:
        if source.source not in SOURCES or source.weight <= 0 or not source.languages:
            return f"speech is '{source.source}', expected {', '.join(SOURCES)} with languages and weight above 0"
    for stage in config.stages:
        if stage.objective not in OBJECTIVES:
            return f"objective '{stage.objective}', expected one of {', '.join(OBJECTIVES)}"
        if min(stage.steps, stage.batch, config.log_every) < 1 or stage.seconds < 0.5 or stage.learning_rate <= 0:
            return "steps, batch and log_every must be at least 1, seconds at least 0.5 and learning_rate above 0"
        if not 0 <= stage.tilt <= 0.9:
            return f"tilt is {stage.tilt}, expected 0 to 0.9"
        kind = config.architecture.get("model_type")
        if (stage.objective in ("speaker", "dino")) != (kind == "ecapa-tdnn"):
            return f"objective '{stage.objective}' with '{kind}', expected speaker or dino with ecapa-tdnn only"
        if not stage.speeds or min(stage.speeds) <= 0 or stage.noise < 0:
            return "speeds must be above 0 and noise at least 0"
        if stage.objective == "distillation" and not stage.match:
            return "distillation needs 'match', such as {'3': '2'}: layer of the student to layer of the teacher"
    return None
