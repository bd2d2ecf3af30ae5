"""Similarity of layers within and between models: linear CKA, streaming, also where frames depend on each other."""

from articulens.similarity.compare import Similarity, compare_layers
from articulens.similarity.estimators import cka_interval, linear_cka
from articulens.similarity.frames import Frames, Standardised, View, WithoutPlace
from articulens.similarity.listening import LABELS, Listening, shared_clock
from articulens.similarity.minibatch import Minibatch

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
