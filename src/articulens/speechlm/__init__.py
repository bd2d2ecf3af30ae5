"""Speech–text language models: discrete units, interleaved sequences, and a lens on what every layer would say."""

from articulens.speechlm.causal import ablate_words, ablation_effects
from articulens.speechlm.continuation import text_loss_after_speech
from articulens.speechlm.lens import Lens, picture
from articulens.speechlm.loading import open_speech_lm
from articulens.speechlm.measures import hits, mean_over_utterances, phases, unigram_ranks, unit_curves
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.readings import Reading, count_words, read_words
from articulens.speechlm.sequences import Spoken, Tokens, choose_heard, interleave, words_of_units
from articulens.speechlm.tuned import TunedLens, load_tuned, tune
from articulens.speechlm.units import Codebook, Units, fit_codebook, fit_kmeans, load_codebook
from articulens.speechlm.vocabulary import Vocabulary, extend_tokenizer

__all__ = [
    "Codebook",
    "Lens",
    "Reading",
    "SpeechLM",
    "Spoken",
    "Tokens",
    "TunedLens",
    "Units",
    "Vocabulary",
    "ablate_words",
    "ablation_effects",
    "choose_heard",
    "count_words",
    "extend_tokenizer",
    "fit_codebook",
    "fit_kmeans",
    "hits",
    "interleave",
    "load_codebook",
    "load_tuned",
    "mean_over_utterances",
    "open_speech_lm",
    "phases",
    "picture",
    "read_words",
    "text_loss_after_speech",
    "tune",
    "unigram_ranks",
    "unit_curves",
    "words_of_units",
]
