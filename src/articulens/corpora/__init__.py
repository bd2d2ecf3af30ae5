"""Corpora: speech with articulation, from files to positions at frame times."""

from articulens.corpora.audio import audio_duration, read_audio
from articulens.corpora.catalog import known_corpora, open_corpus, open_recipe, register_corpus
from articulens.corpora.corpus import Corpus
from articulens.corpora.integrity import write_checksums
from articulens.corpora.labels import SILENCE, read_intervals, speech_mask
from articulens.corpora.manifest import write_manifest
from articulens.corpora.readers.tabular import write_trajectory
from articulens.corpora.recipe import Recipe, load_recipe
from articulens.corpora.schema import AXES, SENSORS, TARGETS, Trajectory, Utterance
from articulens.corpora.signals import align, channel_statistics, low_pass, zscore, zscore_by

__all__ = [
    "AXES",
    "SENSORS",
    "SILENCE",
    "TARGETS",
    "Corpus",
    "Recipe",
    "Trajectory",
    "Utterance",
    "align",
    "audio_duration",
    "channel_statistics",
    "known_corpora",
    "load_recipe",
    "low_pass",
    "open_corpus",
    "open_recipe",
    "read_audio",
    "read_intervals",
    "register_corpus",
    "speech_mask",
    "write_checksums",
    "write_manifest",
    "write_trajectory",
    "zscore",
    "zscore_by",
]
