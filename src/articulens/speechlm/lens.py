"""The lens: what every layer of a language model would say (nostalgebraist 2020; Belrose et al. 2023).

The states of a layer go through the model's own final norm and head as if they were the last. Own hooks take them
*before* the final norm, so nothing is normalised twice and the last layer gives the model's own logits, which is
checked when a lens is made. Logits go to a reader while the forward pass runs; neither states nor logits are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

from articulens.errors import ArticulensError
from articulens.speechlm.model import SpeechLM
from articulens.speechlm.sequences import UNIT, Spoken, Tokens, interleave

if TYPE_CHECKING:
    from articulens.speechlm.tuned import TunedLens

Reader = Callable[[str, torch.Tensor, torch.Tensor, torch.Tensor], None]
"""Called with a layer, the sequence and the position of each logit row, ``(n,)`` each, and ``(n, size)`` logits."""


class Lens:
    """Reads layers of a language model as if they were its last.

    Parameters
    ----------
    lm
        The model that listens.
    layers
        Which to read (``"0"`` ... ``"N"``); all by default.
    tuned
        An affine map a layer that comes before the norm; none by default.
    readout
        Another model of the same width whose norm, head and tokens read the states: for a speech-only model, the text
        model that it was made from.

    Raises
    ------
    ArticulensError
        For a layer that the model does not have, a readout or tuned lens that does not fit, and for a model that does
        something between its final norm and its logits that the lens does not know.
    """

    def __init__(
        self,
        lm: SpeechLM,
        *,
        layers: Sequence[str] | str | None = None,
        tuned: TunedLens | None = None,
        readout: SpeechLM | None = None,
    ) -> None:
        self.lm, self.layers, self.tuned, self.readout = lm, lm.choose(layers), tuned, readout or lm
        self.vocabulary = self.readout.vocabulary
        if self.readout.width != lm.width:
            raise ArticulensError(
                f"{self.readout.name} reads {self.readout.width} dimensions and {lm.name} has {lm.width}; give the text"
                " model that it was made from."
            )
        if tuned is not None:
            tuned.check(lm, self.layers)
        self._check(self.readout)

    @staticmethod
    def _check(lm: SpeechLM) -> None:
        """Refuse a model whose last layer, read by the lens, is not what the model says."""
        ids = torch.arange(min(4, lm.vocabulary.size))[None]
        seen: list[torch.Tensor] = []
        lm.run(ids, lambda _, states: seen.append(lm.read_out(states)), lm.layers[-1:])
        own = lm.logits(ids)
        gap, scale = (seen[0].to(own.device) - own).abs().max().item(), own.abs().max().item()
        if not gap <= 1e-5 + 1e-3 * scale:
            raise ArticulensError(
                f"{lm.name}: the last layer through its norm and head differs from the model's own logits by "
                f"{gap:.2g}, expected none; this architecture does something more behind its norm, choose another."
            )

    def read(
        self,
        sequences: Sequence[Tokens],
        reader: Reader,
        *,
        where: Sequence[ArrayLike] | None = None,
        batch_tokens: int = 4_096,
        at_once: int = 2**25,
    ) -> None:
        """Run the model over sequences and give the logits of every layer to `reader`.

        Parameters
        ----------
        sequences
            In any order; similar lengths go together.
        reader
            Called for every layer and block of positions; ``rows`` are indices into `sequences`.
        where
            Positions to read of each sequence; all by default.
        batch_tokens
            Padded tokens of one batch.
        at_once
            Logits held at once: 2^25 are 128 MB.

        Raises
        ------
        ArticulensError
            For a sequence that is longer than the model reads, or a token that it does not have.
        """
        spots = [np.arange(len(t)) for t in sequences] if where is None else [np.asarray(w, np.int64) for w in where]
        step = max(1, at_once // self.vocabulary.size)
        for batch in self._batches(sequences, batch_tokens):
            ids = torch.full((len(batch), max(len(sequences[i]) for i in batch)), self.lm.vocabulary.pad)
            for row, i in enumerate(batch):
                ids[row, : len(sequences[i])] = torch.from_numpy(sequences[i].ids)
            local = torch.from_numpy(np.repeat(np.arange(len(batch)), [len(spots[i]) for i in batch]))
            rows, positions = torch.tensor(batch)[local], torch.from_numpy(np.concatenate([spots[i] for i in batch]))

            self.lm.run(ids, partial(self._see, reader, step, local, rows, positions), self.layers)

    def _see(
        self,
        reader: Reader,
        step: int,
        local: torch.Tensor,
        rows: torch.Tensor,
        positions: torch.Tensor,
        layer: str,
        states: torch.Tensor,
    ) -> None:
        for part in torch.arange(len(rows)).split(step):
            picked = states[local[part].to(states.device), positions[part].to(states.device)]
            reader(layer, rows[part], positions[part], self.read_out(layer, picked))

    def read_out(self, layer: str, states: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(..., size)`` of states ``(..., dims)`` of a layer."""
        return self.readout.read_out(states if self.tuned is None else self.tuned.translate(layer, states))

    def logits(self, tokens: Tokens) -> dict[str, torch.Tensor]:
        """Return the logits of every layer of one sequence, ``(tokens, size)``: for looking at, not for many."""
        found: dict[str, list[torch.Tensor]] = {layer: [] for layer in self.layers}
        self.read([tokens], lambda layer, rows, positions, logits: found[layer].append(logits.cpu()))
        return {layer: torch.cat(parts) for layer, parts in found.items()}

    def losses(self, sequences: Sequence[Tokens]) -> pd.DataFrame:
        """Return the next-token loss by layer: ``layer``, ``loss`` (nats, mean over all predictions), ``tokens``."""
        total = dict.fromkeys(self.layers, 0.0)
        targets = [torch.from_numpy(tokens.ids[1:]) for tokens in sequences]

        def reader(layer: str, rows: torch.Tensor, positions: torch.Tensor, logits: torch.Tensor) -> None:
            wanted = torch.stack([targets[r][p] for r, p in zip(rows.tolist(), positions.tolist(), strict=True)])
            loss = torch.nn.functional.cross_entropy(logits, wanted.to(logits.device), reduction="sum")
            total[layer] += float(loss)

        self.read(sequences, reader, where=[np.arange(len(tokens) - 1) for tokens in sequences])
        n = sum(len(tokens) - 1 for tokens in sequences)
        return pd.DataFrame({"layer": list(total), "loss": [value / n for value in total.values()], "tokens": n})

    def _batches(self, sequences: Sequence[Tokens], budget: int) -> Iterator[list[int]]:
        lengths = [len(tokens) for tokens in sequences]
        for i, tokens in enumerate(sequences):
            if not 0 < lengths[i] <= self.lm.max_tokens or tokens.ids.max() >= self.lm.vocabulary.size:
                raise ArticulensError(
                    f"sequence {i + 1} of {len(sequences)} has {lengths[i]} tokens up to {tokens.ids.max(initial=-1)}, "
                    f"and {self.lm.name} reads 1 to {self.lm.max_tokens} tokens below {self.lm.vocabulary.size}; cut "
                    "the utterance, or write it with the model's own vocabulary."
                )
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch


def picture(lens: Lens, spoken: Spoken, *, k: int = 1, text_only: bool = True) -> pd.DataFrame:
    """Return what each layer would say at each unit of an utterance: the picture of time against layer.

    Parameters
    ----------
    lens
        Of a model that has text.
    spoken
        The utterance, heard as a whole.
    k
        How many tokens a cell.
    text_only
        Only text tokens (else units and marks may win).

    Returns
    -------
    DataFrame with ``layer, position, start_s, end_s, word`` (the word that is being said, "" between words), ``unit``,
    ``rank`` (1 ... k), ``token`` (as text) and ``p`` (its probability among all tokens).
    """
    vocabulary = lens.vocabulary
    if vocabulary.tokenizer is None:
        vocabulary.tokens_of_text("")
    tokens = interleave(spoken, lens.lm.vocabulary)
    allowed = torch.from_numpy(vocabulary.text_ids if text_only else np.arange(vocabulary.size))
    rows: list[dict] = []

    def reader(layer: str, _: torch.Tensor, positions: torch.Tensor, logits: torch.Tensor) -> None:
        p = logits.softmax(-1)[:, allowed.to(logits.device)].cpu()
        best = p.topk(min(k, p.shape[1]))
        for position, values, places in zip(positions.tolist(), best.values, best.indices, strict=True):
            word = tokens.words[position]
            for rank, (value, place) in enumerate(zip(values.tolist(), places.tolist(), strict=True), start=1):
                rows.append(
                    {
                        "layer": layer,
                        "position": position,
                        "start_s": tokens.starts_s[position],
                        "end_s": tokens.ends_s[position],
                        "word": spoken.words[word][2] if word >= 0 else "",
                        "unit": int(tokens.ids[position]),
                        "rank": rank,
                        "token": vocabulary.tokenizer.decode([int(allowed[place])]),
                        "p": value,
                    }
                )

    lens.read([tokens], reader, where=[np.flatnonzero(tokens.kinds == UNIT)])
    return pd.DataFrame(rows)
