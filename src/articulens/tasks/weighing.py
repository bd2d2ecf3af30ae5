"""Which layers a task uses: weighted sums, every layer alone, and every layer left out, on the same splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from articulens.tasks.definitions import PHONES, Task
from articulens.tasks.features import Features, Norm
from articulens.tasks.heads import Fit, Heads, Training, train, whiteners
from articulens.tasks.planted import Planted
from articulens.tasks.questions import Classes, Phones
from articulens.tasks.splits import Parts, split

SUM, ALONE, WITHOUT = "weighted sum", "one layer", "without one"
VARIANTS = (SUM, ALONE, WITHOUT)
#: Heads trained side by side; more than so many take turns, so that memory does not grow with the layers.
AT_ONCE = 16


@dataclass(frozen=True)
class Weighed:
    """What the heads made of a task.

    Attributes
    ----------
    scores
        One row a head and test utterance: ``task, measure, model, norm, seed, fold, variant, layer, speaker,
        sentence, utterance, units, wrong, chance_wrong, valid_loss, passes``. Errors are counted in phones for PR and
        in utterances otherwise; ``chance_wrong`` is what an answer without listening gets wrong.
    weights
        One row a weighted sum and layer: ``task, model, norm, seed, fold, layer, weight, length, contribution``.
    """

    scores: pd.DataFrame
    weights: pd.DataFrame


def weigh(
    features: Features | Planted,
    table: pd.DataFrame,
    task: Task,
    *,
    norm: Norm = "layer",
    variants: Sequence[str] = VARIANTS,
    seeds: Sequence[int] = (0,),
    folds: int = 5,
    tested: int | None = None,
    how: Training | None = None,
) -> Weighed:
    """Train heads on weighted sums of layers, and beside them on each layer alone and on all but each.

    Parameters
    ----------
    features
        What the encoder makes of the utterances.
    table
        Their answers, from :func:`articulens.tasks.answers`.
    task
        What is asked.
    norm
        ``"none"`` mixes states as they are (the published form), ``"layer"`` after a layer norm without weights: then
        all layers are of one length, and weights can be compared.
    variants
        Which of `VARIANTS` to train.
    seeds
        Each decides initial values, order of batches and division of the utterances.
    folds, tested
        Folds of the utterances, and how many of them are test sets (None: each is once).
    how
        How long and how fast; by default up to 60 passes for classes, 40 in batches for phones.

    Raises
    ------
    ArticulensError
        See `articulens.tasks.splits.split` and `articulens.tasks.heads.whiteners`.
    """
    rows: list[pd.DataFrame] = []
    weights: list[pd.DataFrame] = []
    wanted = _variants(features, variants)
    groups = [wanted[at : at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE)]
    for seed in seeds:
        for fold, parts in enumerate(split(table, task, folds=folds, seed=seed)[:tested]):
            known: dict[str, Any] = {"task": task.name, "measure": task.measure, "model": features.model}
            known |= {"norm": norm, "seed": seed, "fold": fold}
            test = table.loc[list(parts.test)]
            units = np.array([len(a) if task.measure == "PER" else 1 for a in test["answer"]])
            lengths = features.lengths(parts.train, norm)
            for chosen in groups:
                heads, fit, wrong, chance = _train(features, table, task, norm, chosen, parts, seed, how)
                for k, (variant, layer, allowed) in enumerate(chosen):
                    row = {
                        **known, "variant": variant, "layer": layer, "speaker": test["speaker"].to_numpy(),
                        "sentence": test["sentence"].to_numpy(), "utterance": test.index, "units": units,
                        "wrong": wrong[k], "chance_wrong": chance[k],
                        "valid_loss": float(fit.loss[k]), "passes": int(fit.passes[k]),
                    }  # fmt: skip
                    rows.append(pd.DataFrame(row))
                    if variant == SUM:
                        own = _weights(features, heads.mixture()[k].detach(), lengths, allowed)
                        weights.append(own.assign(**known))
    columns = ["task", "model", "norm", "seed", "fold", "layer", "weight", "length", "contribution"]
    return Weighed(
        pd.concat(rows, ignore_index=True),
        pd.concat(weights, ignore_index=True)[columns] if weights else pd.DataFrame(columns=columns),
    )


def _variants(features: Features | Planted, wanted: Sequence[str]) -> list[tuple[str, str, list[bool]]]:
    """Return variant, layer and the layers it may use."""
    mixable = [layer in features.mixable for layer in features.layers]
    found = [(SUM, "", mixable)] if SUM in wanted else []
    if ALONE in wanted:
        found += [(ALONE, layer, [layer == other for other in features.layers]) for layer in features.layers]
    if WITHOUT in wanted and sum(mixable) > 1:
        for layer in features.mixable:
            rest = [m and layer != other for m, other in zip(mixable, features.layers, strict=True)]
            found.append((WITHOUT, layer, rest))
    return found


def _weights(
    features: Features | Planted, mixture: torch.Tensor, lengths: torch.Tensor, allowed: Sequence[bool]
) -> pd.DataFrame:
    contribution = mixture * lengths
    table = pd.DataFrame(
        {
            "layer": features.layers,
            "weight": mixture.numpy(),
            "length": lengths.numpy(),
            "contribution": (contribution / contribution.sum()).numpy(),
        }
    )
    return table[list(allowed)]


def _train(
    features: Features | Planted,
    table: pd.DataFrame,
    task: Task,
    norm: Norm,
    chosen: Sequence[tuple[str, str, list[bool]]],
    parts: Parts,
    seed: int,
    how: Training | None,
) -> tuple[Heads, Fit, Any, Any]:
    """Train the heads of one split: with the errors ``(heads, test utterances)``, and those of chance."""
    allowed = torch.tensor([layers for *_, layers in chosen])
    kind: Any = Phones if task.labels == (PHONES,) else Classes
    asked = kind(features, table, task, norm, parts)
    mean, whitener = whiteners(asked.x, allowed, features.layers, asked.pieces)
    heads = Heads(allowed, mean, whitener, asked.outputs, [seed] * len(chosen))
    fit = train(heads, asked.train, asked.valid, asked.loss, how or asked.how, seed=seed)
    with torch.no_grad():
        wrong, chance = asked.errors(heads, parts)
    return heads, fit, wrong, chance
