"""All pairs of layers: similarity in every form, with intervals and a null, from one pass over the utterances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations_with_replacement, islice

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from articulens.errors import ArticulensError
from articulens.similarity.estimators import half_samples, ratio, spread_interval
from articulens.similarity.frames import Frames, View
from articulens.similarity.minibatch import Minibatch, MinibatchSums
from articulens.similarity.result import CROSS, KEYS, Similarity
from articulens.similarity.sums import FORMS, Pair, PairSums

FEWEST = 4  # things, of which half-samples say how an estimate varies


def compare_layers(
    heard: Iterable[Frames],
    pairs: Sequence[Pair] | None = None,
    *,
    forms: Sequence[str] = FORMS,
    minibatch: Minibatch | None = None,
    draws: int = 60,
    repairings: int = 0,
    resample: str = "utterance",
    seed: int = 0,
    device: str = "auto",
    budget_gb: float = 2.0,
    window: int = 32,
) -> Similarity:
    """Compare layers by linear CKA, streaming over utterances.

    Memory is O(p²) a pair. As many pairs as the budget holds share a pass; where it holds all, there is one pass.

    Parameters
    ----------
    heard
        Utterances: :class:`articulens.similarity.listening.Listening`, or a list of
        :class:`articulens.similarity.frames.Frames`.
    pairs
        Pairs of views; all by default.
    forms
        Which of ``"biased"``, ``"debiased"`` (frames as independent) and ``"cross_utterance"`` (utterances as
        independent).
    minibatch
        The published form beside them.
    draws
        Half-samples for the intervals; 0 gives none.
    repairings
        How often to pair each utterance with another one, for the null of the cross-utterance form; both are cut to the
        shorter.
    resample
        ``"utterance"`` or ``"speaker"``: what half-samples are drawn of; of fewer than four there is no interval.
    seed
        Decides the half-samples.
    device
        Where to compute; ``"auto"`` takes a GPU where there is one.
    budget_gb
        Memory for the sums, GB.
    window
        Utterances that are added up together, and among which they are re-paired.

    Returns
    -------
    Similarity

    Raises
    ------
    ArticulensError
        For unknown words; fewer than 4 utterances in the cross-utterance form; layers that do not vary or are not
        finite; a budget that holds no pair; an iterator that can be gone through only once and would have to be twice.
    """
    _check(forms, resample, draws, repairings, window)
    place = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu" if device == "auto" else device
    stream = iter(heard)
    first = next(stream, None)
    if first is None:
        raise ArticulensError("there is no utterance with a frame to compare on; give recordings, or frames='all'.")
    dims = {view: x.shape[1] for view, x in first.views.items()}
    pairs = list(pairs) if pairs is not None else list(combinations_with_replacement(dims, 2))
    if unknown := [view for pair in pairs for view in pair if view not in dims]:
        raise ArticulensError(f"{' '.join(unknown[0])} is not among the views of {first.utterance}; correct the pairs.")
    if not pairs:
        raise ArticulensError("there is no pair of layers to compare; name one or more.")
    views = list(dict.fromkeys(chain.from_iterable(pairs)))
    with_own = list(dict.fromkeys(chain.from_iterable([(a, a), (b, b), (a, b)] for a, b in pairs)))
    work = _Work(pairs, dims, forms, draws, repairings, resample, seed, torch.device(place), window)
    blocks = list(_blocks(with_own, work, budget_gb * 1e9))
    if len(blocks) > 1 and iter(heard) is heard:
        raise ArticulensError(
            f"{len(pairs)} pairs take {len(blocks)} passes within {budget_gb:g} GB, but these utterances can be gone "
            "through once; give a list or a Listening, or raise budget_gb."
        )
    batches = MinibatchSums(minibatch, views, place) if minibatch else None
    for number, block in enumerate(blocks):
        source = chain([first], stream) if number == 0 else iter(heard)
        work.go_through(source, block, batches if number == 0 else None)
    return work.result(batches)


@dataclass
class _Work:
    """One comparison: what is asked for, and the HSIC found so far."""

    pairs: Sequence[Pair]
    dims: dict[View, int]
    forms: Sequence[str]
    draws: int
    repairings: int
    resample: str
    seed: int
    device: torch.device
    window: int
    n_frames: int = 0
    n_utterances: int = 0
    hsic: dict[str, dict[Pair, torch.Tensor]] = field(default_factory=lambda: defaultdict(dict))
    null: dict[Pair, list[float]] = field(default_factory=dict)
    drawn_of: set[str] = field(default_factory=set)

    def bytes_of(self, pair: Pair) -> float:
        """Return what the sums of a pair take."""
        p, q = (self.dims[view] for view in pair)
        matrices = (CROSS in self.forms) + bool({"biased", "debiased"} & set(self.forms))
        # One more for what is made from them at the end.
        return 8.0 * p * q * ((1 + self.draws) * (matrices + 1) + self.repairings * (pair in self.pairs))

    def go_through(self, heard: Iterable[Frames], block: Sequence[Pair], batches: MinibatchSums | None) -> None:
        """Add up one block of pairs over all utterances, and keep its HSIC."""
        sums = PairSums(block, forms=self.forms, device=self.device)
        null_pairs = [pair for pair in block if pair in set(self.pairs)] if self.repairings else []
        nulls = [
            PairSums(null_pairs, forms=[CROSS], one_side=False, device=self.device) for _ in range(self.repairings)
        ]
        for part in _windows(heard, self.window):
            self._check_views(part)
            names, views = [f.utterance for f in part], [f.views for f in part]
            clusters = names if self.resample == "utterance" else [f.speaker for f in part]
            self.drawn_of.update(clusters)
            sums.update(names, views, half_samples(clusters, self.draws, self.seed))
            for k, null in enumerate(nulls):
                left, right = _repair(part, k, null_pairs)
                null.update(names, left, torch.ones(1, len(part)), right)
            if batches is not None:
                for one in views:
                    batches.update(one)
        self.n_frames, self.n_utterances = sum(sums.frames), len(sums.frames)
        self._check_enough(sums)
        for pair in block:
            for form in self.forms:
                self.hsic[form][pair] = sums.hsic(form, pair).cpu()
        for pair in null_pairs:
            self.null[pair] = [float(null.hsic(CROSS, pair)[0]) for null in nulls]

    def _check_views(self, part: Sequence[Frames]) -> None:
        for frames in part:
            for view, width in self.dims.items():
                if view not in frames.views or frames.views[view].shape[1] != width:
                    found = f"{frames.views[view].shape[1]} dimensions" if view in frames.views else "nothing"
                    raise ArticulensError(
                        f"{frames.utterance}: {found} in layer {view[1]} of {view[0]}, expected {width} dimensions as "
                        "in the first utterance; encode all utterances with the same models."
                    )

    def _check_enough(self, sums: PairSums) -> None:
        if CROSS in self.forms and self.n_utterances < 4:
            raise ArticulensError(
                f"{self.n_utterances} utterance(s) are too few for similarity across utterances, expected 4 or more; "
                "give more recordings, or ask for the forms 'biased' and 'debiased' only."
            )
        if self.repairings >= self.n_utterances:
            raise ArticulensError(
                f"{self.n_utterances} utterances cannot be paired with wrong ones in {self.repairings} ways; ask for "
                "fewer re-pairings, or give more recordings."
            )
        if self.n_frames < 4:
            raise ArticulensError(f"{self.n_frames} frame(s) are too few to compare on, expected 4 or more.")
        for (model, layer), side in sums.left.items():
            if side.is_constant(self.n_frames):
                raise ArticulensError(
                    f"layer {layer} of {model} is the same in all {self.n_frames} frames and has no geometry to "
                    "compare; leave this layer out."
                )

    def result(self, batches: MinibatchSums | None) -> Similarity:
        """Return similarities from the HSIC of all pairs."""
        rows, draws = [], []

        def add(pair: Pair, form: str, values: npt.NDArray[np.float64], drawn_of: int, **more: float) -> None:
            if drawn_of < FEWEST:
                values[1:] = np.nan
            low, high = spread_interval(values[0], values[1:])
            high = min(high, max(1.0, values[0]))  # what is beyond is none of CKA's
            named = dict(zip(KEYS, (*pair[0], *pair[1], form), strict=True))
            size = {"n_frames": self.n_frames, "n_utterances": self.n_utterances}
            rows.append({**named, "cka": values[0], "low": low, "high": high, **more, **size})
            draws.append(values[1:])

        for form, hsic in self.hsic.items():
            for pair in self.pairs:
                xx, yy = (hsic[view, view] for view in pair)
                values = ratio(hsic[pair], xx, yy).numpy()
                more = {}
                if form == CROSS and self.null.get(pair):
                    null = np.array(self.null[pair]) / float((xx[0] * yy[0]).sqrt())
                    p = (1 + int((null >= values[0]).sum())) / (1 + len(null))
                    more = {"null_mean": float(null.mean()), "null_high": float(null.max()), "p": p}
                add(pair, form, values, len(self.drawn_of), **more)
        if batches is not None:
            masks = half_samples([str(i) for i in range(batches.batches)] or ["none"], self.draws, self.seed).bool()
            every = torch.stack(list(batches.cka(list(masks[:, : batches.batches]))))
            at = {view: i for i, view in enumerate(batches.views)}
            for a, b in self.pairs:
                add((a, b), "minibatch", every[:, at[a], at[b]].numpy(), batches.batches)
        return Similarity(pd.DataFrame(rows), np.array(draws).reshape(len(rows), self.draws))


def _check(forms: Sequence[str], resample: str, draws: int, repairings: int, window: int) -> None:
    for form in forms:
        if form not in FORMS:
            raise ArticulensError(f"form '{form}' is unknown; choose among {', '.join(FORMS)}.")
    if resample not in ("utterance", "speaker"):
        raise ArticulensError(f"resample '{resample}' is unknown; choose utterance or speaker.")
    if draws < 0 or repairings < 0:
        raise ArticulensError(f"{draws} draws and {repairings} re-pairings were asked for, expected 0 or more of each.")
    if repairings and CROSS not in forms:
        raise ArticulensError(f"re-paired utterances are a null of the form '{CROSS}'; add it to forms.")
    if repairings >= window:
        raise ArticulensError(
            f"{repairings} re-pairings do not fit a window of {window} utterances; ask for fewer, or widen the window."
        )


def _blocks(pairs: Sequence[Pair], work: _Work, budget: float) -> Iterator[list[Pair]]:
    """Divide pairs into as many as the budget holds at once."""
    block, used = list[Pair](), 0.0
    for pair in pairs:
        size = work.bytes_of(pair)
        if size > budget:
            raise ArticulensError(
                f"{' '.join(pair[0])} with {' '.join(pair[1])} takes {size / 1e9:.2g} GB, more than the budget of "
                f"{budget / 1e9:g} GB; ask for fewer draws and re-pairings, or raise budget_gb."
            )
        if block and used + size > budget:
            yield block
            block, used = [], 0.0
        block.append(pair)
        used += size
    if block:
        yield block


def _windows(heard: Iterable[Frames], size: int) -> Iterator[list[Frames]]:
    """Yield utterances some at a time; a single one at the end joins those before it, so that it can be re-paired."""
    stream, waiting = iter(heard), list[Frames]()
    while part := list(islice(stream, size)):
        if len(part) == 1 and waiting:
            waiting += part
            continue
        if waiting:
            yield waiting
        waiting = part
    if waiting:
        yield waiting


def _repair(
    part: Sequence[Frames], k: int, pairs: Sequence[Pair]
) -> tuple[list[dict[View, torch.Tensor]], list[dict[View, torch.Tensor]]]:
    """Pair each utterance with another of the window, both cut to the shorter."""
    step = k % max(1, len(part) - 1) + 1
    left, right = [], []
    for i, one in enumerate(part):
        other = part[(i + step) % len(part)]
        n = min(len(one), len(other))
        left.append({a: one.views[a][:n] for a, _ in pairs})
        right.append({b: other.views[b][:n] for _, b in pairs})
    return left, right
