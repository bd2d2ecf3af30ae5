"""Similarity of layers within and between models: linear CKA, streaming, also where frames depend on each other."""

from articulens.similarity.compare import compare_layers
from articulens.similarity.estimators import cka_interval, linear_cka
from articulens.similarity.frames import Frames, Standardised, View, WithoutPlace
from articulens.similarity.listening import LABELS, Listening, shared_clock
from articulens.similarity.minibatch import Minibatch
from articulens.similarity.result import Similarity

__all__ = [
    "LABELS",
    "Frames",
    "Listening",
    "Minibatch",
    "Similarity",
    "Standardised",
    "View",
    "WithoutPlace",
    "cka_interval",
    "compare_layers",
    "linear_cka",
    "shared_clock",
]
