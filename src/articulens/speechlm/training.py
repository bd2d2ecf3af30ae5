"""Training speech–text models: a recipe and recordings in, a model folder out.

The same recipe, recordings and machine give the same curve and weights, however often the run was killed: each step
draws its own random numbers from (seed, step), and a checkpoint is replaced whole.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from articulens.encoders.base import library_versions
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_file, sha256_text, write_json
from articulens.pretraining.checkpoint import Progress, read_checkpoint, save_checkpoint
from articulens.pretraining.saving import FACTS, WEIGHTS
from articulens.pretraining.trainer import descend, find_base, make_optimizer, schedule
from articulens.speechlm.held_out import read_held_out
from articulens.speechlm.loading import open_speech_lm
from articulens.speechlm.material import SHARES, Material, Reader, make_vocabulary
from articulens.speechlm.recipes import Recipe
from articulens.speechlm.vocabulary import Vocabulary

#: Held-out documents of each kind that a point of the curve is measured on: so many batches, always the same.
VALIDATION = 2


def train(
    recipe: Recipe,
    material: Material,
    out: str | Path,
    *,
    models: Path = Path("data/models"),
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train a model, or go on with a training that was killed.

    Parameters
    ----------
    recipe, material
        What to train, on what.
    out
        Working folder: the checkpoint, and in ``model/`` the finished model.
    models
        Folder of finished models, where the base is.
    say
        Called with a line for each point of the curve.

    Returns
    -------
    Path
        ``out/model``: a Llama with its tokenizer, the codebook of its units, and ``training.json``.

    Raises
    ------
    ArticulensError
        When the base is not there, the checkpoint belongs to another training, or the loss is not finite.
    """
    out, vocabulary = Path(out), make_vocabulary(recipe.n_units)
    torch.manual_seed(recipe.seed)
    network, base = _begin(recipe, vocabulary, models)
    reader = Reader(recipe, vocabulary, material.train, held_out=False)
    checks = _checks(recipe, vocabulary, material)
    key = sha256_text([json.dumps(recipe.to_dict(), sort_keys=True), str(base), material.fingerprint])
    path = out / "checkpoint.safetensors"
    progress, parts = read_checkpoint(path, key) if path.exists() else (Progress(), {})
    if parts:
        network.model.load_state_dict(parts["network"])
    optimizer = make_optimizer(network.parameters(), parts.get("optimizer"))
    weight = torch.where(torch.from_numpy(vocabulary.is_text), recipe.text_weight, 1.0)
    started, losses = time.perf_counter(), list[float]()
    while progress.step < recipe.steps:
        rng = np.random.default_rng([recipe.seed, progress.step])
        tokens = torch.from_numpy(reader.draw(rng))
        logits = network(tokens[:, :-1]).logits
        loss = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), weight=weight)
        rate = recipe.learning_rate * schedule(progress.step, recipe.steps)
        descend(optimizer, loss, rate, f"{recipe.name}: step {progress.step}")
        losses.append(float(loss.detach()))
        progress.step += 1
        if progress.step % recipe.log_every == 0 or progress.step == recipe.steps:
            held_out = held_out_losses(network, vocabulary, checks)
            progress.curve.append({"step": progress.step, "loss": round(float(np.mean(losses)), 5), **held_out})
            progress.seconds += time.perf_counter() - started
            started, losses = time.perf_counter(), []
            save_checkpoint(path, key, progress, {"network": network.model}, optimizer)  # the head is tied to it
            say(f"{recipe.name}: {progress.curve[-1]} {progress.seconds:.0f} s")
    model = _save(out / "model", network, vocabulary, material, _facts(recipe, material, progress, base, network))
    add_held_out(model, material)
    return model


def add_held_out(folder: Path, material: Material) -> None:
    """Measure a saved model on held-out speech (see `read_held_out`) and add that to its ``training.json``."""
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    found = read_held_out(open_speech_lm(str(folder), device="cpu"), material.held_out)
    write_json(folder / FACTS, facts | {"held_out": found})


def held_out_losses(network: Any, vocabulary: Vocabulary, checks: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Return the mean loss (nats a token) on held-out documents of each kind, by what is predicted.

    The keys are ``"text in text"``, ``"units in speech"``, ``"text in interleaved"`` and ``"units in interleaved"``. Of
    units and text only the tokens of the same kind compete, as a lens restricted to a vocabulary sees it.
    """
    found = {}
    masks = {"text": torch.from_numpy(vocabulary.is_text), "units": torch.from_numpy(vocabulary.is_unit)}
    with torch.no_grad():
        for kind, tokens in checks.items():
            logits, targets = network(tokens[:, :-1]).logits.flatten(0, 1), tokens[:, 1:].flatten()
            for what, mask in masks.items():
                here = mask[targets]
                if here.any():
                    restricted = logits[here].masked_fill(~mask, -torch.inf)
                    found[f"{what} in {kind}"] = round(float(cross_entropy(restricted, targets[here])), 5)
    return found


def _checks(recipe: Recipe, vocabulary: Vocabulary, material: Material) -> dict[str, torch.Tensor]:
    """Return held-out documents of every kind, the same for all recipes but for their length."""
    reader = Reader(recipe, vocabulary, material.held_out, held_out=True)
    kinds = ("text", "speech", "interleaved")
    drawn = {kind: [reader.draw(np.random.default_rng([7, k]), kind) for k in range(VALIDATION)] for kind in kinds}
    return {kind: torch.from_numpy(np.concatenate(batches)) for kind, batches in drawn.items()}


def _begin(recipe: Recipe, vocabulary: Vocabulary, models: Path) -> tuple[Any, dict[str, str] | None]:
    """Return the network as training finds it, and the facts about its base."""
    from transformers import LlamaConfig, LlamaForCausalLM

    if recipe.base is not None:
        folder, base = find_base(recipe.base, recipe.name, models)
        network = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        if network.config.vocab_size != vocabulary.size:
            raise ArticulensError(
                f"{folder}: the base has {network.config.vocab_size} tokens, expected {vocabulary.size} of this "
                "vocabulary; train the base again."
            )
        return network.train(), base
    config = LlamaConfig(
        vocab_size=vocabulary.size,
        hidden_size=recipe.hidden_size,
        num_hidden_layers=recipe.num_hidden_layers,
        num_attention_heads=recipe.num_attention_heads,
        num_key_value_heads=recipe.num_key_value_heads,
        intermediate_size=recipe.intermediate_size,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=recipe.hidden_size**-0.5 / 2,
        bos_token_id=vocabulary.tokenizer.bos_token_id,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config).train(), None


def _save(folder: Path, network: Any, vocabulary: Vocabulary, material: Material, facts: dict[str, Any]) -> Path:
    """Write the model folder; weights in half precision, read again as float32."""
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.tokenizer.save_pretrained(folder)
    material.codebook.save(folder)
    config = json.loads(network.config.to_json_string())
    write_json(folder / "config.json", config | {"architectures": [type(network).__name__], "dtype": "float32"})
    tensors = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if name != "lm_head.weight"  # tied to the embeddings
    }
    with atomic_write(folder / WEIGHTS) as stream:
        stream.write(save(tensors, metadata={"format": "pt"}))
    write_json(folder / FACTS, facts | {"sha256": {WEIGHTS: sha256_file(folder / WEIGHTS)}})
    return folder


def _facts(
    recipe: Recipe, material: Material, progress: Progress, base: dict[str, str] | None, network: Any
) -> dict[str, Any]:
    """Return what the card says about a training."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for spoken in (*material.train, *material.held_out):
        groups.setdefault((spoken.meta["source"], spoken.meta["language"]), []).append(spoken)
    return {
        "name": recipe.name,
        "recipe": recipe.to_dict(),
        "base": base,
        "parameters": sum(p.numel() for p in network.parameters()),
        "units": material.codebook.card,
        "languages": SHARES,
        "speech": [
            {
                "source": source,
                "language": language,
                "minutes": round(sum(float(s.units.ends_s[-1]) for s in some) / 60, 1),
                "recordings": len(some),
                "voices": len({s.meta["speaker"] for s in some}),
                "words": sum(len(s.words) for s in some),
            }
            for (source, language), some in groups.items()
        ],
        "held_out_recordings": len(material.held_out),
        "tokens_drawn": recipe.steps * recipe.batch * recipe.length,
        "seconds": round(progress.seconds, 1),
        "hardware": f"{platform.machine()} CPU",
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
        "curve": progress.curve,
    }
