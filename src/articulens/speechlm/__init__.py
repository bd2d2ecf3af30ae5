"""Speech–text language models: discrete units, interleaved sequences, and a lens on what every layer would say."""

from articulens.speechlm.sequences import Spoken, Tokens, choose_heard, interleave, words_of_units
from articulens.speechlm.units import Codebook, Units, fit_codebook, fit_kmeans, load_codebook
from articulens.speechlm.vocabulary import Vocabulary, extend_tokenizer

__all__ = [
    "Codebook",
    "Spoken",
    "Tokens",
    "Units",
    "Vocabulary",
    "choose_heard",
    "extend_tokenizer",
    "fit_codebook",
    "fit_kmeans",
    "interleave",
    "load_codebook",
    "words_of_units",
]
