"""Encoding against use: take what a probe can read out of a running network, and see what the network still does."""

from articulens.erasure.concepts import Concepts, gather
from articulens.erasure.erasers import Eraser, Whitener, everything, inlp, leace, random_eraser

__all__ = ["Concepts", "Eraser", "Whitener", "everything", "gather", "inlp", "leace", "random_eraser"]
