"""The heads that models bring along: phones or letters by CTC, clusters of masked prediction, readings of a teacher."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from articulens.corpora.corpus import Corpus
from articulens.corpora.labels import SILENCE
from articulens.encoders import find_model
from articulens.encoders.base import Encoder
from articulens.encoders.bundled import bundled_folder
from articulens.encoders.changing import running
from articulens.encoders.hub import Repository
from articulens.erasure.behaviours import Behaviour
from articulens.errors import ArticulensError
from articulens.pretraining.ctc import edit_distance, greedy


class Head(Behaviour):
    """A linear head behind a layer.

    Parameters
    ----------
    reads
        Layer.
    weight, bias
        ``(outputs, dims)`` and ``(outputs,)``.
    """

    def __init__(self, reads: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.reads, self.weight, self.bias = reads, weight.float(), bias.float()

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Return what the head says, ``(frames, outputs)``."""
        return torch.nn.functional.linear(states, self.weight.to(states.device), self.bias.to(states.device))

    def divergence(self, intact: torch.Tensor, changed: torch.Tensor) -> float:
        """Return KL(intact ‖ changed) of the head's distributions, nats a frame."""
        p, q = (self.scores(x).log_softmax(-1) for x in (intact, changed))
        return float((p.exp() * (p - q)).sum(-1).mean())


class CtcHead(Head):
    """Phones or letters by CTC.

    Parameters
    ----------
    vocabulary
        Output to symbol; output 0 of the bundled models, ``blank`` in general, is the blank.
    said
        Utterance to the symbols that were said; utterances without are judged by divergence only.
    blank
        Output that stands for nothing.
    """

    def __init__(
        self,
        reads: str,
        weight: torch.Tensor,
        bias: torch.Tensor,
        vocabulary: Sequence[str],
        said: Mapping[str, Sequence[str]],
        blank: int = 0,
    ) -> None:
        # The blank first, as `greedy` expects it.
        order = [blank, *(i for i in range(len(vocabulary)) if i != blank)]
        super().__init__(reads, weight[order], bias[order])
        self.vocabulary, self.said = [vocabulary[i] for i in order], said
        self._errors: dict[str, int] = {}

    def errors(self, states: torch.Tensor, said: Sequence[str]) -> int:
        """Return wrong symbols of the best path."""
        return edit_distance(said, greedy(self.scores(states).cpu().numpy(), self.vocabulary))

    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return KL, and the rise of the error rate."""
        found = {"KL": self.divergence(intact, changed)}
        said = self.said.get(utterance)
        if said:
            if utterance not in self._errors:
                self._errors[utterance] = self.errors(intact, said)
            found["error rate"] = (self.errors(changed, said) - self._errors[utterance]) / len(said)
        return found


class ClusterHead(Head):
    """Clusters of masked prediction, without a mask."""

    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return KL, and the share of frames in another cluster."""
        moved = self.scores(intact).argmax(-1) != self.scores(changed).argmax(-1)
        return {"KL": self.divergence(intact, changed), "clusters": float(moved.float().mean())}


class TeacherHead(Head):
    """A reading of the teacher's states."""

    def damage(self, intact: torch.Tensor, changed: torch.Tensor, utterance: str, times_s: Any) -> Mapping[str, float]:
        """Return the squared change of the reading per its variance."""
        before, after = self.scores(intact), self.scores(changed)
        spread = (before - before.mean(0)).square().sum()
        return {"reading": float((after - before).square().sum() / spread)}


def open_heads(name: str, encoder: Encoder, corpus: Corpus) -> list[Behaviour]:
    """Return the heads that a model's weights bring along; none for most models that were only pre-trained.

    Parameters
    ----------
    name
        As in :func:`~articulens.encoders.open_encoder`: a bundled model, a folder that
        :func:`articulens.pretraining.saving.save_model` wrote, or a CTC model of the Hugging Face Hub or in a folder.
    encoder
        The same, opened.
    corpus
        Its labels say which phones a bundled head must tell, its texts which letters others must.

    Raises
    ------
    ArticulensError
        When heads are there but cannot be read, or the encoder has no network.
    """
    running(encoder)
    model = find_model(name)
    if name.endswith("@random"):
        return []
    if model is not None and model.sha256 is not None:
        folder = bundled_folder(model)
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
    else:
        return _letters(Repository(model.hub_id or name if model else name, model.revision if model else None, False),
                        encoder, corpus)  # fmt: skip
    if (folder / "heads.safetensors").is_file():
        return _bundled(folder / "heads.safetensors", encoder, corpus)
    return _letters(Repository(str(folder), None, True), encoder, corpus)


def _bundled(path: Path, encoder: Encoder, corpus: Corpus) -> list[Behaviour]:
    """Read the heads that pre-training left."""
    try:
        with safe_open(path, "pt") as stored:
            about = stored.metadata() or {}
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}
    except (SafetensorError, OSError) as error:
        raise ArticulensError(f"{path}: the heads cannot be read ({error}); restore the file.") from error
    heads: list[Behaviour] = []
    for name in dict.fromkeys(key.partition(".")[0] for key in tensors):
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if name == "phones":
            vocabulary = about["phones"].partition("vocabulary: ")[2].split(" ")
            said = {
                u.id: [label for *_, label in corpus.read_intervals(u) if label.strip() not in SILENCE]
                for u in corpus
                if u.labels is not None
            }
            known = set(vocabulary)
            said = {i: phones for i, phones in said.items() if known.issuperset(phones)}
            heads.append(CtcHead("final", weight, bias, vocabulary, said))
        elif name == "clusters":
            heads.append(ClusterHead("final", weight, bias))
        elif name.removeprefix("teacher_") == encoder.layers[-1]:  # the head of a lower layer is of training only
            heads.append(TeacherHead(encoder.layers[-1], weight, bias))
    return heads


def _letters(repository: Repository, encoder: Encoder, corpus: Corpus) -> list[Behaviour]:
    """Read the CTC head of a fine-tuned wav2vec 2.0-like model and its letters."""
    from transformers import AutoModelForCTC
    from transformers.utils import cached_file

    config = repository.config()
    if not any("ForCTC" in kind for kind in getattr(config, "architectures", None) or ()):
        return []
    where: dict[str, Any] = {"revision": repository.revision, "local_files_only": repository.is_folder}
    network = repository.read(
        lambda: AutoModelForCTC.from_pretrained(repository.place, trust_remote_code=False, weights_only=True, **where)
    )
    path = repository.read(lambda: cached_file(repository.place, "vocab.json", **where))
    try:
        letters: dict[str, int] = json.loads(Path(str(path)).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ArticulensError(f"{path}: the letters cannot be read ({error}); restore the file.") from error
    vocabulary = [""] * network.lm_head.out_features
    for letter, i in letters.items():
        if i < len(vocabulary):
            vocabulary[i] = letter
    blank = letters.get("<pad>", letters.get("[PAD]", config.pad_token_id or 0))
    known = {letter for letter in vocabulary if len(letter) == 1}
    said = {u.id: _spelt(u.text, known) for u in corpus if u.text}
    head = network.lm_head
    return [CtcHead(encoder.layers[-1], head.weight.detach(), head.bias.detach(), vocabulary, said, blank)]


def _spelt(text: str, known: set[str]) -> list[str]:
    """Return the letters of a text as a model writes them: ``|`` between words, its own case, no punctuation."""
    words = "|".join(text.split())
    upper = sum(letter.isupper() for letter in known) > sum(letter.islower() for letter in known)
    return [c for c in (words.upper() if upper else words.lower()) if c in known]
