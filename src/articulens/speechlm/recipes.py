"""How a bundled speech–text model is trained: one YAML a model, checked when it is read.

The recipes turn two knobs: whether training begins from a text model or from random weights, and whether speech and
text stand in one document, or there is only one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from articulens.errors import ArticulensError
from articulens.pretraining.config import checked_keys, read_yaml

KINDS = ("text", "speech", "interleaved")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a model's weights but the recordings.

    Parameters
    ----------
    name
        Of the model and its folder.
    summary
        One sentence for the card.
    mix
        Share of the documents of each kind: ``text``, ``speech``, ``interleaved``.
    base
        Model to start from; random weights by default.
    hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads, intermediate_size
        Of a Llama.
    encoder, layer, n_units
        What the units are clusters of.
    sentences
        In a document.
    heard, span
        Interleaved documents: least share of words that are units, and mean length of a span of them.
    text_weight
        Weight of a text token in the loss; a unit has 1. A word is one token as text and a dozen as units.
    steps, batch, length, learning_rate
        Updates, sequences in each, their length in tokens, and the peak of the rate: warmed up over the first tenth,
        then falling as a cosine to zero.
    seed, log_every
        Decides the initial weights and every document; steps between two points of the curve, which are also the
        checkpoints.
    """

    name: str
    summary: str
    mix: Mapping[str, float]
    base: str | None = None
    hidden_size: int = 80
    num_hidden_layers: int = 6
    num_attention_heads: int = 5
    num_key_value_heads: int = 1
    intermediate_size: int = 192
    encoder: str = "tiny-multi"
    layer: str = "3"
    n_units: int = 100
    sentences: int = 3
    heard: float = 0.5
    span: float = 1.5
    text_weight: float = 5.0
    steps: int = 600
    batch: int = 8
    length: int = 160
    learning_rate: float = 3e-3
    seed: int = 0
    log_every: int = 50

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def load_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe: the name of a shipped one, or a YAML file.

    Raises
    ------
    ArticulensError
        When there is none, a key is unknown or missing, or a value is impossible.
    """
    return parse_recipe(read_yaml(recipe, "articulens.speechlm", "recipe"), str(recipe))


def parse_recipe(values: Any, place: str) -> Recipe:
    """Check the values of a recipe; `place` is named in errors."""
    recipe = Recipe(**checked_keys(Recipe, values, place))
    problem = _problem(recipe)
    if problem:
        raise ArticulensError(f"{place}: {problem}; correct the recipe.")
    return recipe


def _problem(recipe: Recipe) -> str | None:
    mix = recipe.mix
    shares = list(mix.values()) if isinstance(mix, Mapping) else []
    if not shares or not set(mix) <= set(KINDS) or not all(isinstance(s, int | float) and s >= 0 for s in shares):
        return f"mix is {mix}, expected shares of {', '.join(KINDS)}"
    if sum(shares) <= 0:
        return "the shares of mix are all 0"
    if min(recipe.steps, recipe.batch, recipe.sentences, recipe.log_every, recipe.n_units) < 1 or recipe.length < 8:
        return "steps, batch, sentences, log_every and n_units must be at least 1 and length at least 8"
    if recipe.learning_rate <= 0 or not 0 < recipe.heard < 1 or recipe.span <= 0 or recipe.text_weight <= 0:
        return "learning_rate, span and text_weight must be above 0 and heard between 0 and 1"
    return None
