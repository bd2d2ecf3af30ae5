"""What is known about one speech model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Model:
    """One row of the model table.

    Parameters
    ----------
    name, label : str
        Short name for `open_encoder`, and how figures call it.
    hub_id, revision : str or None
        Checkpoint and its pinned commit. Neither `hub_id` nor `sha256`: an architecture without trained weights.
    licence, base_model : str or None
        SPDX-like licence of the weights; checkpoint that this one was fine-tuned from.
    languages : str
        What it heard in pre-training (and fine-tuning).
    hours : float or None
        Hours of pre-training audio, approximately.
    finnish, russian : {"yes", "no", "unknown"}
        Whether the language was heard in pre-training.
    fine_tuned : str
        Supervision after pre-training, "" for none.
    do_normalize : bool
        Whether the checkpoint expects zero mean and unit variance (used where its repository does not say).
    architecture : mapping
        Configuration for ``NAME@random``, so that it needs no network.
    sha256 : str or None
        Of the weights of a model that comes with the repository, in ``data/models/NAME``; None for all others.
    """

    name: str
    label: str
    hub_id: str | None
    revision: str | None
    licence: str | None
    base_model: str | None
    languages: str
    hours: float | None
    finnish: str
    russian: str
    fine_tuned: str
    do_normalize: bool
    architecture: Mapping[str, Any] = field(repr=False)
    sha256: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Blocks, and their width."""
        if self.architecture["model_type"] == "ecapa-tdnn":
            return len(self.architecture["channels"]) - 2, int(self.architecture["channels"][0])
        return self.architecture["num_hidden_layers"], self.architecture["hidden_size"]

    @property
    def norm(self) -> str:
        """``"group / post-norm"`` or ``"layer / pre-norm"``: front end / blocks; ``"batch"`` for ECAPA-TDNN."""
        if self.architecture["model_type"] == "ecapa-tdnn":
            return "batch"
        stable = self.architecture["do_stable_layer_norm"]
        return f"{self.architecture['feat_extract_norm']} / {'pre' if stable else 'post'}-norm"
