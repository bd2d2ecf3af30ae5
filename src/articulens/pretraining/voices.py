"""Learning who speaks: from labels (AAM-softmax), and without any (DINO)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchaudio.functional import resample

from articulens.encoders.ecapa import front_end
from articulens.pretraining.config import Stage
from articulens.pretraining.data import RATE_HZ, Group, Samples, string_together, tilted
from articulens.pretraining.objective import Batch, Objective


class Voices:
    """Random excerpts of one voice at a time: a group by its weight, then a voice, then a place.

    A recording played faster or slower is another voice, as its vocal tract and pitch are others.

    Parameters
    ----------
    groups
        Speech.
    stage
        Which `seconds`, `speeds`, `tilt` and `noise` it has.

    Attributes
    ----------
    names
        Of all voices: source, language, speaker and speed.
    """

    def __init__(self, groups: Sequence[Group], stage: Stage) -> None:
        self.stage, self.n_samples = stage, round(stage.seconds * RATE_HZ)
        self.names: list[str] = []
        self._tracks: list[Samples] = []
        self._groups: list[NDArray[np.int64]] = []
        for group in groups:
            first = len(self.names)
            for speaker in dict.fromkeys(recording.speaker for recording in group.recordings):
                own = [recording for recording in group.recordings if recording.speaker == speaker]
                track = np.concatenate(string_together(own))
                for speed in stage.speeds:
                    self.names.append(f"{group.source}/{group.language}/{speaker}/{speed:g}")
                    self._tracks.append(_at_speed(track, speed, self.n_samples))
            self._groups.append(np.arange(first, len(self.names)))
        self._weights = np.array([group.weight for group in groups]) / sum(group.weight for group in groups)

    def draw(self, rng: np.random.Generator, views: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``(views * batch, samples)`` and the voice of each of the ``(batch,)``; a voice has all its views."""
        voices = [
            int(rng.choice(self._groups[rng.choice(len(self._groups), p=self._weights)]))
            for _ in range(self.stage.batch)
        ]
        waves = [self._excerpt(voice, rng) for _ in range(views) for voice in voices]
        return torch.from_numpy(np.stack(waves)), torch.tensor(voices)

    def _excerpt(self, voice: int, rng: np.random.Generator) -> Samples:
        track = self._tracks[voice]
        start = int(rng.integers(len(track) - self.n_samples + 1))
        wave = track[start : start + self.n_samples]
        if self.stage.tilt:
            wave = tilted(wave, rng.uniform(-self.stage.tilt, self.stage.tilt))
        level = np.float32(self.stage.noise * rng.random())
        return wave + level * rng.standard_normal(len(wave), dtype=np.float32) if self.stage.noise else wave


def _at_speed(track: Samples, speed: float, at_least: int) -> Samples:
    """Return a track played at another speed, repeated to the length of at least one excerpt."""
    played = track if speed == 1 else resample(torch.from_numpy(track), round(100 * speed), 100).numpy()
    return np.resize(played, max(len(played), at_least))


class Speaker(Objective):
    """Additive angular margin softmax (Deng et al. 2019): tell the voice from the embedding."""

    def __init__(self, stage: Stage, groups: Sequence[Group], network: Any) -> None:
        self.voices, self.margin, self.scale = Voices(groups, stage), stage.margin, stage.scale
        self.front_end = front_end(network.config)
        count = len(self.voices.names)
        self.directions = nn.Linear(network.config.hidden_size, count, bias=False)
        self.heads = nn.ModuleDict({"voices": self.directions})
        self.about = {"voices": f"directions of {count} voices (speakers at {len(stage.speeds)} speeds)"}

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return ``samples`` (batch, n) and ``voices`` (batch,)."""
        samples, voices = self.voices.draw(rng)
        return {"samples": samples, "voices": voices}

    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss, and the share of excerpts whose voice is told without the margin's help."""
        voices = batch["voices"]
        embeddings = network(self.front_end(batch["samples"]))[:, 0]
        cosine = nn.functional.linear(
            nn.functional.normalize(embeddings), nn.functional.normalize(self.directions.weight)
        ).float()
        right = nn.functional.one_hot(voices, cosine.shape[1]).bool()
        angle = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()
        logits = self.scale * torch.where(right, (angle + self.margin).clamp(max=torch.pi).cos(), cosine)
        accuracy = (cosine.argmax(1) == voices).float().mean()
        return nn.functional.cross_entropy(logits, voices), {"accuracy": float(accuracy)}


class Dino(Objective):
    """Self-distillation without labels (Caron et al. 2021): two excerpts of a voice mean the same to both networks.

    The student's view of one excerpt is told from the view that a slow copy of it, the teacher, has of the other, over
    learned prototypes; centring and a lower temperature of the teacher keep both from saying the same of everything.
    The label that is used is that two excerpts come from one recording, or from recordings strung together.
    """

    def __init__(self, stage: Stage, groups: Sequence[Group], network: Any) -> None:
        self.stage, self.voices = stage, Voices(groups, stage)
        self.front_end = front_end(network.config)
        width = network.config.hidden_size
        self.heads = nn.ModuleDict({"projection": _Projection(width, stage.prototypes)})
        self.about = {"projection": f"{stage.prototypes} prototypes of the student"}
        self.memory: Any = nn.ModuleDict(
            {"network": copy.deepcopy(network), "projection": copy.deepcopy(self.heads["projection"])}
        ).requires_grad_(False)
        self.memory.register_buffer("centre", torch.zeros(stage.prototypes))

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return ``samples`` (2 * batch, n), first all first excerpts, then all second ones."""
        return {"samples": self.voices.draw(rng, views=2)[0]}

    def loss(self, network: Any, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the loss, and how many prototypes the teacher uses: the exponential of the entropy of their shares."""
        self._follow(network)
        features = self.front_end(batch["samples"])
        with torch.no_grad():
            theirs = self.memory["projection"](self.memory["network"](features)[:, 0]).float()
            targets = ((theirs - self.memory.centre) / self.stage.teacher_temperature).softmax(-1)
            # A centre is the mean of what the teacher has said lately.
            self.memory.centre.lerp_(theirs.mean(0), 0.1)
        own = self.heads["projection"](network(features)[:, 0]).float()
        log_told = (own / self.stage.temperature).log_softmax(-1)
        first, second = targets.chunk(2)
        loss = -(torch.cat([second, first]) * log_told).sum(-1).mean()
        shares = targets.mean(0)
        return loss, {"prototypes": float(torch.exp(-(shares * shares.clamp(min=1e-12).log()).sum()))}

    @torch.no_grad()
    def _follow(self, network: Any) -> None:
        """Move the teacher a little towards the student as the last step has left it."""
        inner = getattr(network, "_orig_mod", network)
        for theirs, own in (("network", inner), ("projection", self.heads["projection"])):
            for slow, fast in zip(self.memory[theirs].parameters(), own.parameters(), strict=True):
                slow.lerp_(fast, 1 - self.stage.momentum)


class _Projection(nn.Module):
    """Three layers, then cosines with prototypes."""

    def __init__(self, width: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, 64)
        )
        self.prototypes = nn.Linear(64, prototypes, bias=False)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, prototypes)`` cosines."""
        return nn.functional.linear(
            nn.functional.normalize(self.layers(embeddings)), nn.functional.normalize(self.prototypes.weight)
        )
