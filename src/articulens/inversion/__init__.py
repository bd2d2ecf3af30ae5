"""From any voice to a moving mouth: linear probes that were trained on a corpus, saved, and applied to recordings."""

from articulens.inversion.apply import Inverted, invert
from articulens.inversion.model import Inverter, load_inverter, train_inverter

__all__ = ["Inverted", "Inverter", "invert", "load_inverter", "train_inverter"]
