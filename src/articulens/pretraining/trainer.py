"""Training: a configuration and folders of speech in, a model folder out.

The same configuration, seed, speech and machine give the same curve and weights, however often the run was killed:
each step draws its own random numbers from (seed, stage, step), and a checkpoint is replaced whole.
"""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModel

from articulens.encoders.ecapa import MODEL_TYPE, EcapaConfig, build
from articulens.errors import ArticulensError
from articulens.files import sha256_text
from articulens.pretraining.checkpoint import Progress, read_checkpoint, restore_optimizer, save_checkpoint
from articulens.pretraining.config import Stage, TrainingConfig
from articulens.pretraining.data import Group, read_groups
from articulens.pretraining.objective import Objective
from articulens.pretraining.saving import WEIGHTS, save_model, sha256_model

CLIP = 5.0
WARM_UP = 0.1


@dataclass(frozen=True)
class Places:
    """Where things are on this machine.

    Attributes
    ----------
    speech, made
        Human recordings; the folder of `articulens.pretraining.speech.make_speech`.
    teacher
        Instead of the configuration's teacher: a folder, for instance.
    models
        Folder that holds finished models, also the bases of fine-tuned ones.
    cache
        Folder for states of the teacher.
    """

    speech: Path | None = None
    made: Path | None = None
    teacher: str | None = None
    models: Path = Path("data/models")
    cache: Path = Path("cache/teacher")


def train(
    config: TrainingConfig,
    places: Places,
    out: str | Path,
    *,
    device: str = "cpu",
    milestones: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train a model, or go on with a training that was killed.

    Parameters
    ----------
    config
        What to train.
    places
        Where speech, teacher and bases are.
    out
        Working folder: the checkpoint, and in ``model/`` the finished model.
    device
        ``"cpu"`` or ``"cuda"``.
    milestones
        Keep the weights (half precision) at so many steps, evenly spaced, in ``milestones/STEP``.
    say
        Called with a line for each point of the curve.

    Returns
    -------
    Path
        ``out/model``: ``config.json``, ``model.safetensors``, ``heads.safetensors``, ``training.json``.

    Raises
    ------
    ArticulensError
        When speech, teacher or base are not there, or the loss is not finite.
    """
    out = Path(out)
    groups = read_groups(config.speech, places.speech, places.made)
    speech = [group.fingerprint for group in groups]
    network, base = _begin(config, places)
    network.to(device)
    key = sha256_text([json.dumps(config.to_dict(), sort_keys=True), str(base and base["sha256"]), *speech])
    path = out / "checkpoint.safetensors"
    progress, parts = read_checkpoint(path, key) if path.exists() else (Progress(), {})
    if parts:
        network.load_state_dict(parts["network"])
    run = _Run(config, network, key, path, progress, device, milestones, say)
    heads: dict[str, Any] = {}
    for index, stage in enumerate(config.stages):
        if index < progress.stage and index < len(config.stages) - 1:
            continue
        torch.manual_seed(_seed(config.seed, index, 0))
        objective = _objective(stage, index, groups, network, config, places, out, device)
        if index == progress.stage and "heads" in parts:
            objective.heads.load_state_dict(parts["heads"])
            objective.memory.load_state_dict(parts.get("memory", {}))
        elif heads and heads["about"] == objective.about:  # the same is predicted as in the stage before
            objective.heads.load_state_dict(heads["modules"].state_dict())
        objective.heads.to(device)
        objective.memory.to(device)
        run.stage(index, stage, objective, parts.pop("optimizer", None) if index == progress.stage else None)
        heads = {"modules": objective.heads, "about": objective.about}
    network.config.apply_spec_augment = True  # the library's default
    facts = _facts(config, groups, progress, base, device, network)
    return save_model(out / "model", network, heads["modules"], heads["about"], facts)


def _begin(config: TrainingConfig, places: Places) -> tuple[Any, dict[str, Any] | None]:
    """Return the network as training finds it, and the facts about its base."""
    torch.manual_seed(_seed(config.seed, 0, -1))
    if config.architecture["model_type"] == MODEL_TYPE:
        return build(EcapaConfig(**config.architecture)).train(), None
    if config.base is None:
        return AutoModel.from_config(AutoConfig.for_model(**config.architecture)).train(), None
    folder, base = find_base(config.base, config.name, places.models)
    return AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).train(), base


def find_base(base: str, name: str, models: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder of the model that `name` starts from, and its name and hash.

    Raises
    ------
    ArticulensError
        When it is not there.
    """
    folder = models / base
    if not (folder / WEIGHTS).is_file():
        raise ArticulensError(
            f"{folder}: {name} starts from {base}, which is not there; train it first, or give --models."
        )
    return folder, {"name": base, "sha256": sha256_model(folder)}


def _objective(
    stage: Stage,
    index: int,
    groups: Sequence[Group],
    network: Any,
    config: TrainingConfig,
    places: Places,
    out: Path,
    device: str,
) -> Objective:
    if stage.objective == "distillation":
        from articulens.pretraining.distillation import Distillation

        teacher = places.teacher or config.teacher
        return Distillation(stage, groups, network.config.hidden_size, teacher, places.cache, device)
    if stage.objective == "masked":
        from articulens.pretraining.masked import Masked

        return Masked(stage, groups, network, out / f"clusters_{index + 1}.npz", config.seed)
    if stage.objective in ("speaker", "dino"):
        from articulens.pretraining.voices import Dino, Speaker

        return (Speaker if stage.objective == "speaker" else Dino)(stage, groups, network)
    from articulens.pretraining.ctc import Ctc

    return Ctc(stage, groups, network)


@dataclass
class _Run:
    """One training while it runs."""

    config: TrainingConfig
    network: Any
    key: str
    path: Path
    progress: Progress
    device: str
    milestones: int
    say: Callable[[str], None]

    def stage(self, index: int, stage: Stage, objective: Objective, moments: dict[str, torch.Tensor] | None) -> None:
        """Run what is left of one stage."""
        progress = self.progress
        if index > progress.stage:
            progress.stage, progress.step = index, 0
        network = self.network
        # Else transformers masks by itself in training, by numpy's global generator.
        network.config.apply_spec_augment = stage.objective == "masked"
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not (stage.frozen_front_end and name.startswith("feature_extractor.")))
        network.train()
        parameters = [p for p in (*network.parameters(), *objective.heads.parameters()) if p.requires_grad]
        optimizer = make_optimizer(parameters, moments)
        forward = torch.compile(network) if self.config.compile else network
        started, numbers = time.perf_counter(), list[dict[str, float]]()
        while progress.step < stage.steps:
            step = progress.step
            rng = np.random.default_rng([self.config.seed, index, step])
            torch.manual_seed(_seed(self.config.seed, index, step))
            batch = {name: tensor.to(self.device) for name, tensor in objective.draw(rng).items()}
            with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.config.dtype == "bf16"):
                loss, more = objective.loss(forward, batch)
            descend(
                optimizer, loss, stage.learning_rate * schedule(step, stage.steps), f"{self.config.name}: step {step}"
            )
            progress.step += 1
            numbers.append({"loss": float(loss.detach()), **more})
            if progress.step % self.config.log_every == 0 or progress.step == stage.steps:
                progress.seconds += time.perf_counter() - started
                started = time.perf_counter()
                means = {name: round(float(np.mean([n[name] for n in numbers])), 5) for name in numbers[0]}
                progress.curve.append({"stage": index + 1, "step": progress.step, **means})
                numbers = []
                modules = {"network": network, "heads": objective.heads, "memory": objective.memory}
                save_checkpoint(self.path, self.key, progress, modules, optimizer)
                self.say(f"{self.config.name}: {progress.curve[-1]} {progress.seconds:.0f} s")
            self._milestone(objective)

    def _milestone(self, objective: Objective) -> None:
        total = sum(stage.steps for stage in self.config.stages)
        done = sum(stage.steps for stage in self.config.stages[: self.progress.stage]) + self.progress.step
        if done in {round(total * (k + 1) / self.milestones) for k in range(self.milestones)}:
            folder = self.path.parent / "milestones" / f"{done:06d}"
            facts = {"name": self.config.name, "step": done, "of": total}
            save_model(folder, self.network, objective.heads, objective.about, facts)


def make_optimizer(
    parameters: Iterable[torch.nn.Parameter], moments: dict[str, torch.Tensor] | None
) -> torch.optim.Optimizer:
    """Return the optimiser of all trainings, as a checkpoint left it if there is one; `descend` gives it its rate."""
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01)
    if moments:
        restore_optimizer(optimizer, moments)
    return optimizer


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, rate: float, place: str) -> None:
    """Take one step down a loss, gradients clipped at `CLIP`.

    Raises
    ------
    ArticulensError
        When the loss is not finite; `place` says where.
    """
    if not torch.isfinite(loss):
        raise ArticulensError(f"{place}: the loss is {float(loss)}, expected a finite number; lower learning_rate.")
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], CLIP)
    optimizer.step()


def schedule(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of its peak: linear warm-up, then a half cosine to 0."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - warm) / max(1, steps - warm)))


def _seed(seed: int, stage: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, stage, step + 1, 7]).generate_state(1)[0])


def _facts(
    config: TrainingConfig,
    groups: Sequence[Group],
    progress: Progress,
    base: dict[str, Any] | None,
    device: str,
    network: Any,
) -> dict[str, Any]:
    """Return what the card says about a training."""
    from articulens.encoders.base import library_versions

    on_gpu = device.startswith("cuda")
    return {
        "name": config.name,
        "config": dataclasses.asdict(config),
        "base": base,
        "parameters": sum(p.numel() for p in network.parameters()),
        "speech": [
            {
                "source": g.source,
                "language": g.language,
                "hours": round(g.hours, 3),
                "weight": round(g.weight, 3),
                "recordings": len(g.recordings),
                "speakers": len({r.speaker for r in g.recordings}),
            }
            for g in groups
        ],
        "hours_drawn": round(sum(s.steps * s.batch * s.seconds for s in config.stages) / 3600, 2),
        "seconds": round(progress.seconds, 1),
        "hardware": torch.cuda.get_device_name() if on_gpu else f"{platform.machine()} CPU",
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
        "curve": progress.curve,
    }
