"""From a corpus to utterances as units with words: what a speech–text model is given to hear."""

from __future__ import annotations

import json

from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import SILENCE, Interval, read_tiers
from articulens.corpora.schema import Utterance
from articulens.encoders.base import Encoder
from articulens.errors import ArticulensError
from articulens.speechlm.sequences import Spoken
from articulens.speechlm.units import Codebook

#: Recordings encoded at once.
BATCH = 32


def listen(corpus: Corpus, encoder: Encoder, codebook: Codebook) -> list[Spoken]:
    """Return every utterance of a corpus as units with its words.

    Parameters
    ----------
    corpus
        With labels that tell words from each other; see `read_words_of`.
    encoder, codebook
        What makes units of sound.

    Raises
    ------
    ArticulensError
        When an utterance has no labels or these have no words; when encoder and codebook do not belong together.
    """
    spoken = []
    for start in range(0, len(corpus), BATCH):
        some = corpus.utterances[start : start + BATCH]
        items = [corpus.read_audio(utterance) for utterance in some]
        units = codebook.units(encoder, items, sources=[str(utterance.audio) for utterance in some])
        for utterance, found in zip(some, units, strict=True):
            columns = ("speaker", "language", "condition", "task", "sentence")
            meta = {name: getattr(utterance, name) for name in columns} | {"text": utterance.text}
            words = read_words_of(utterance, unit_s=corpus.recipe.get("labels_unit_s", 1.0))
            spoken.append(Spoken(utterance.id, found, words, meta))
    return spoken


def read_words_of(utterance: Utterance, *, unit_s: float = 1.0) -> list[Interval]:
    """Return (start_s, end_s, word) of an utterance, in lower case: a tier ``words``, or the synthesiser's labels.

    `unit_s` is that of `articulens.corpora.labels.read_tiers`.

    Raises
    ------
    ArticulensError
        When there are no labels, or none of words.
    """
    from articulens.speechlm.recordings import labelled_words, plain_words

    path = utterance.labels
    if path is None:
        raise ArticulensError(
            f"{utterance.audio}: utterance '{utterance.id}' has no labels, expected words with times; give labels with "
            "a tier 'words', or choose another corpus."
        )
    tiers = read_tiers(path, unit_s=unit_s)  # refuses what is no file of labels
    if path.suffix == ".json":
        labels = json.loads(path.read_text("utf-8"))
        if isinstance(labels, dict) and "text_with_stress" in labels:
            return [(start, end, word) for word, start, end in labelled_words(labels)]
    if "words" not in tiers:
        raise ArticulensError(
            f"{path}: found the tiers {', '.join(tiers) or 'of nothing'}, expected one named 'words'; add it, or "
            "choose another corpus."
        )
    said = [(start, end, plain_words(label)) for start, end, label in tiers["words"] if label.strip() not in SILENCE]
    return [(start, end, " ".join(words)) for start, end, words in said if words]
