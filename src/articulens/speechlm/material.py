"""What the bundled speech–text models are trained on: units of the recordings, sentences, and documents of both."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from articulens.corpora.audio import read_audio
from articulens.encoders import open_encoder
from articulens.errors import ArticulensError
from articulens.files import atomic_write, sha256_text
from articulens.speechlm.recipes import KINDS, Recipe
from articulens.speechlm.recordings import Recording, read_recordings
from articulens.speechlm.sequences import Spoken, choose_heard, interleave
from articulens.speechlm.texts import LANGUAGES, Documents, Sentence, sentences
from articulens.speechlm.units import Codebook, Units, fit_codebook, load_codebook
from articulens.speechlm.vocabulary import Vocabulary, extend_tokenizer

#: Recordings that the clusters are made from.
CLUSTERED = 300
START = "<s>"
#: Of documents; the corpus that is read later has no English.
SHARES = {"fi": 0.4, "ru": 0.4, "en": 0.2}


@dataclass(frozen=True)
class Material:
    """Recordings as units, training and held out.

    Attributes
    ----------
    codebook
        What the units are.
    train, held_out
        Utterances; of held-out sentences neither text nor speech is in training.
    fingerprint
        SHA-256 of units and words.
    """

    codebook: Codebook
    train: tuple[Spoken, ...]
    held_out: tuple[Spoken, ...]
    fingerprint: str


def prepare(
    recordings: str | Path, recipe: Recipe, cache: Path, *, say: Callable[[str], None] = lambda line: None
) -> Material:
    """Make the codebook and the units of all recordings, or read them where they were made before.

    Parameters
    ----------
    recordings
        Folder of `articulens.speechlm.recordings.make_recordings`.
    recipe
        Says encoder, layer and number of units.
    cache
        Where codebook and units are kept; recipes with the same units share them.

    Raises
    ------
    ArticulensError
        When the recordings or the encoder are not there, or no recording is for training or for validation.
    """
    folder, rows = Path(recordings), read_recordings(recordings)
    if not rows:
        raise ArticulensError(f"{folder}: there are no recordings; make them with `articulens models recordings`.")
    encoder = open_encoder(recipe.encoder, layers=[recipe.layer], device="cpu")
    names = [f"{row.file} {row.text}" for row in rows]
    key = sha256_text([encoder.fingerprint, recipe.layer, str(recipe.n_units), *names])[:16]
    place = Path(cache) / f"units-{key}"
    if not (place / "units.npz").exists():
        order = np.random.default_rng([10, recipe.n_units]).permutation(len(rows))[:CLUSTERED]
        some = (read_audio(folder / rows[k].file) for k in order)
        codebook = fit_codebook(encoder, some, layer=recipe.layer, n_units=recipe.n_units)
        codebook.save(place)
        say(f"{recipe.n_units} clusters of {recipe.encoder}, layer {recipe.layer}")
        found: list[Units] = []
        for start in range(0, len(rows), 32):
            found += codebook.units(encoder, [read_audio(folder / row.file) for row in rows[start : start + 32]])
        say(f"units of {len(found)} recordings")
        with atomic_write(place / "units.npz") as stream:
            np.savez_compressed(
                stream,
                ids=np.concatenate([units.ids for units in found]).astype(np.int16),
                durations=np.concatenate([units.durations for units in found]).astype(np.int16),
                lengths=np.array([len(units) for units in found]),
                clock=np.array([found[0].hop_s, found[0].first_s]),
            )
    codebook = load_codebook(place)
    spoken = [_spoken(row, units) for row, units in zip(rows, _read_units(place / "units.npz"), strict=True)]
    held = {sentence.text for language in LANGUAGES for sentence in sentences(language) if sentence.held_out}
    parts = [[s for s, row in zip(spoken, rows, strict=True) if (row.text in held) is out] for out in (False, True)]
    if not all(parts):
        raise ArticulensError(
            f"{folder}: of {len(rows)} recordings {len(parts[1])} are of held-out sentences, expected some, and some "
            "to train on; make more with `articulens models recordings`."
        )
    return Material(codebook, tuple(parts[0]), tuple(parts[1]), _fingerprint(spoken))


def _read_units(path: Path) -> list[Units]:
    with np.load(path, allow_pickle=False) as stored:
        borders = np.cumsum(stored["lengths"])[:-1]
        ids, durations = (np.split(stored[name], borders) for name in ("ids", "durations"))
        hop, first = map(float, stored["clock"])
    return [Units(i, d, hop, first) for i, d in zip(ids, durations, strict=True)]


def _spoken(row: Recording, units: Units) -> Spoken:
    words = [(start, end, word) for word, (start, end) in zip(row.words, row.times_s, strict=True)]
    meta = {"speaker": row.speaker, "language": row.language, "source": row.source, "sentence": row.text}
    return Spoken(row.file, units, words, meta)


def _fingerprint(spoken: Sequence[Spoken]) -> str:
    return sha256_text(
        text for s in spoken for text in (s.id, str(s.units.ids.tolist()), " ".join(word for *_, word in s.words))
    )


def make_tokenizer() -> Any:
    """Return a tokenizer of transformers whose tokens are the words of the grammars, and letters for all others."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for language in LANGUAGES for s in sentences(language) for word in s.words})
    letters = sorted({letter for letter in "".join(words) + "abcdefghijklmnopqrstuvwxyz"})
    tokens = [START, "<unk>", "▁", *(f"##{letter}" for letter in letters), *(f"▁{word}" for word in words)]
    tokenizer = Tokenizer(models.WordPiece({token: k for k, token in enumerate(tokens)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.Replace("##", ""), decoders.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A", special_tokens=[(START, 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        unk_token="<unk>",
        pad_token=START,
        clean_up_tokenization_spaces=False,
    )


def make_vocabulary(n_units: int) -> Vocabulary:
    """Return the vocabulary of all bundled speech–text models."""
    return extend_tokenizer(make_tokenizer(), n_units)


class Reader:
    """Draws documents of a recipe as sequences of tokens.

    Parameters
    ----------
    recipe
        Kinds of documents.
    vocabulary
        Their tokens.
    spoken
        Utterances to draw from.
    held_out
        Whether texts are the held-out sentences, or all others.
    """

    def __init__(self, recipe: Recipe, vocabulary: Vocabulary, spoken: Sequence[Spoken], held_out: bool) -> None:
        self.recipe, self.vocabulary = recipe, vocabulary
        self.kinds = [kind for kind in KINDS if recipe.mix.get(kind, 0) > 0]
        shares = np.array([recipe.mix[kind] for kind in self.kinds], dtype=float)
        self._shares = shares / shares.sum()
        self._languages = [language for language in LANGUAGES if any(s.meta["language"] == language for s in spoken)]
        heard = np.array([SHARES[language] for language in self._languages])
        self._language_shares = heard / heard.sum()
        self._texts = {language: _pool(language, held_out) for language in self._languages}
        self._of_text = {k: Documents([s.words for s in texts]) for k, texts in self._texts.items()}
        self._of_speech: dict[str, dict[str, list[Spoken]]] = {language: {} for language in self._languages}
        for s in sorted(spoken, key=lambda s: s.id):
            self._of_speech[s.meta["language"]].setdefault(s.meta["speaker"], []).append(s)
        self._documents = {
            (language, voice): Documents([tuple(word for *_, word in s.words) for s in some])
            for language, voices in self._of_speech.items()
            for voice, some in voices.items()
        }

    def document(self, rng: np.random.Generator, kind: str) -> NDArray[np.int64]:
        """Return the tokens of one document of a kind."""
        language = str(rng.choice(self._languages, p=self._language_shares))
        start = np.array(self.vocabulary.prefix, dtype=np.int64)
        if kind == "text":
            texts = self._texts[language]
            chosen = self._of_text[language].draw(rng, self.recipe.sentences)
            return np.concatenate([start, *(self._written(texts[k].words) for k in chosen)])
        voices = self._of_speech[language]
        weights = np.sqrt([len(some) for some in voices.values()])
        voice = str(rng.choice(list(voices), p=weights / weights.sum()))
        some = [voices[voice][k] for k in self._documents[language, voice].draw(rng, self.recipe.sentences)]
        sizes = [len(s.words) for s in some]
        if kind == "speech":
            heard = np.ones(sum(sizes), dtype=bool)
        else:
            heard = choose_heard(sum(sizes), rng, share=self.recipe.heard, mean_span=self.recipe.span)
        flags = np.split(heard, np.cumsum(sizes)[:-1])
        parts = [interleave(s, self.vocabulary, f).ids for s, f in zip(some, flags, strict=True)]
        return np.concatenate([start, *(ids[len(self.vocabulary.prefix) :] for ids in parts)])

    def _written(self, words: tuple[str, ...]) -> NDArray[np.int64]:
        return np.array([self.vocabulary.text_mark, *self._tokens(" ".join(words))], dtype=np.int64)

    @functools.cache  # noqa: B019
    def _tokens(self, text: str) -> tuple[int, ...]:
        return self.vocabulary.tokens_of_text(text)

    def draw(self, rng: np.random.Generator, kind: str | None = None) -> NDArray[np.int64]:
        """Return ``(batch, length)`` tokens: documents one after the other, the last one cut."""
        rows = []
        for _ in range(self.recipe.batch):
            parts: list[NDArray[np.int64]] = []
            while sum(map(len, parts)) < self.recipe.length:
                parts.append(self.document(rng, kind or str(rng.choice(self.kinds, p=self._shares))))
            rows.append(np.concatenate(parts)[: self.recipe.length])
        return np.stack(rows)


def _pool(language: str, held_out: bool) -> list[Sentence]:
    return [sentence for sentence in sentences(language) if sentence.held_out is held_out]
