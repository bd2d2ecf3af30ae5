"""From damage to verdicts: whether what was erased is used, beyond what erasing anything of that size would break.

Two kinds of chance stand against a claim. Another sample of *speakers* might show nothing: intervals and the max-|t|
sign-flip test over speakers answer that. And a *subspace* that means nothing might hit what the network uses by luck,
for all speakers alike: the spread over random subspaces answers that, and no number of speakers can. A claim needs
both. The rules were held against networks whose truth is known (``tests/unit/erasure/test_planted_truth.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from articulens.errors import ArticulensError
from articulens.evaluation.inference import FEWEST, interval_words, sign_flip, speaker_interval

USED, UNUSED, UNDECIDED = "used", "not used beyond chance", "undecided"
MARGIN = 0.05
"""Share of what erasing everything breaks, below which damage beyond chance counts as none."""
ALPHA, ALPHA_SUBSPACE = 0.05, 0.025
"""Level of the two-sided test over speakers, and of the one-sided test over subspaces."""

_WHERE = ["layer", "measure", "read_at"]


def shares(damage: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column ``share``: damage per mean damage of erasing everything at the same layer.

    Layers, measures and models become comparable: 0 is no damage, 1 what the loss of the whole layer does.
    """
    worst = damage[damage["method"] == "everything"].groupby(_WHERE, sort=False)["damage"].mean().rename("worst")
    table = damage.merge(worst, on=_WHERE, how="left")
    # Where the loss of everything does not hurt, there is nothing to take a share of.
    share = table["damage"] / table["worst"].where(table["worst"] > 0)
    return table.assign(share=share).drop(columns="worst")


def beyond(
    table: pd.DataFrame,
    concept: str,
    against: str,
    *,
    value: str = "share",
    method: str = "leace",
    rank: int | None = None,
) -> pd.DataFrame:
    """Return by speaker and layer how much more one erasure does than another.

    Parameters
    ----------
    table
        Of one model, one measure and one place where it is read.
    concept
        What was erased.
    against
        ``"random"``: the random subspaces of the same rank and variance, a row a draw; or another concept, erased at
        the rank nearest to that of `concept`.
    value, method, rank
        Column that is compared; how the concept was erased; at which rank, by default its highest.

    Returns
    -------
    DataFrame of ``layer, fold, speaker, against, draw, excess``.

    Raises
    ------
    ArticulensError
        When the table holds no such erasure.
    """
    keys = ["layer", "fold", "speaker"]
    own = _erased(table, concept, method)
    rank = int(own["rank"].max()) if rank is None and len(own) else rank
    own = own[own["rank"] == rank]
    if against == "random":
        other = _erased(table, concept, "random")
        other = other[other["rank"] == rank]
    else:
        other = _erased(table, against, method)
        if len(other) and rank is not None:
            other = other[(other["rank"] - rank).abs() == (other["rank"] - rank).abs().min()]
    if not len(own) or not len(other):
        raise ArticulensError(
            f"beyond: '{concept}' at rank {rank} and '{against}' are not both in the table; erase both."
        )
    both = own[[*keys, value]].merge(other[[*keys, "draw", value]], on=keys, suffixes=("", " other"))
    both = both.assign(against=against, excess=both[value] - both[f"{value} other"])
    return both[[*keys, "against", "draw", "excess"]]


def judge(excess: pd.DataFrame, *, margin: float = MARGIN, seed: int = 0) -> tuple[str, pd.DataFrame]:
    """Judge whether something is used: at some layer, beyond chance of speakers and of subspaces.

    Parameters
    ----------
    excess
        From :func:`beyond`, or any table of its columns.
    margin
        Excess that counts as none.
    seed
        Of intervals and permutations.

    Returns
    -------
    verdict, table
        :data:`USED` where at some layer the mean excess is above 0 with p < .05 over speakers (sign flips, corrected
        for all layers) and, against random subspaces, p < .025 over subspaces (t, corrected likewise). :data:`UNUSED`
        where at every layer the 90 % interval over speakers ends below `margin`. :data:`UNDECIDED` otherwise, and for
        fewer than four speakers. The table has a row a layer: ``layer, mean, low, high`` (95 % for all layers
        together, as whoever reads the largest mean must have them), ``high90`` (of this layer), ``p``, ``p_subspace``,
        ``speakers``.
    """
    by_speaker = excess.groupby(["layer", "speaker"], sort=False)["excess"].mean().unstack("layer", sort=False)
    by_speaker = by_speaker.dropna()
    layers = list(dict.fromkeys(excess["layer"]))
    by_speaker = by_speaker[layers]
    n = len(by_speaker)
    p = sign_flip(by_speaker.to_numpy(), seed=seed) if n >= 2 else np.full(len(layers), np.nan)
    rows = []
    for i, layer in enumerate(layers):
        values = by_speaker[layer].to_numpy()
        low, high = speaker_interval(values, level=1 - 0.05 / len(layers), seed=seed)
        _, high90 = speaker_interval(values, level=0.9, seed=seed)
        chance = np.minimum(1.0, subspace_p(excess[excess["layer"] == layer]) * len(layers))
        rows.append((layer, values.mean() if n else np.nan, low, high, high90, float(p[i]), float(chance), n))
    columns = ["layer", "mean", "low", "high", "high90", "p", "p_subspace", "speakers"]
    table = pd.DataFrame(rows, columns=columns)
    sure = (table["mean"] > 0) & (table["p"] < ALPHA)
    if (excess["against"] == "random").all():  # and with one draw a fold nothing is known of chance
        sure &= table["p_subspace"] < ALPHA_SUBSPACE
    if n < FEWEST:
        return UNDECIDED, table
    if sure.any():
        return USED, table
    return (UNUSED if (table["high90"] < margin).all() else UNDECIDED), table


def subspace_p(excess: pd.DataFrame) -> float:
    """Return the one-sided p that a subspace drawn like the random ones does as much: t over draws inside folds.

    NaN where nothing was drawn (one draw a fold, as against another concept).
    """
    means = excess.groupby(["fold", "draw"])["excess"].mean()
    drawn = means.groupby("fold")
    freedom = int((drawn.size() - 1).sum())
    if freedom < 1:
        return float("nan")
    spread = np.sqrt(((means - drawn.transform("mean")) ** 2).sum() / freedom)
    error = max(spread * np.sqrt(1 + 1 / len(means)), np.finfo(float).tiny)
    return float(stats.t.sf(means.mean() / error, freedom))


def dose_slopes(table: pd.DataFrame, concept: str, *, value: str = "share") -> pd.DataFrame:
    """Return how much the damage beyond random grows when the rank doubles: least squares on log₂ rank.

    Parameters
    ----------
    table, concept, value
        As in :func:`beyond`.

    Returns
    -------
    DataFrame as of :func:`beyond`, with the slope as ``excess``: of the share of one speaker, beyond one draw.

    Raises
    ------
    ArticulensError
        When the concept or its random subspaces were erased at fewer than two ranks.
    """
    ranks = sorted(set(_erased(table, concept, "leace")["rank"]))
    if len(ranks) < 2:
        raise ArticulensError(f"dose: '{concept}' was erased at {len(ranks)} ranks; a slope needs 2 or more.")
    parts = [beyond(table, concept, "random", value=value, rank=rank).assign(doublings=np.log2(rank)) for rank in ranks]
    keys = ["layer", "fold", "speaker", "against", "draw"]
    every = pd.concat(parts).pivot(index=keys, columns="doublings", values="excess")
    x = np.array(every.columns, dtype=float) - np.mean(every.columns)
    return every.index.to_frame(index=False).assign(excess=every.to_numpy() @ x / (x @ x))


def erasure_words(table: pd.DataFrame) -> list[str]:
    """Return what was erased in each row of a table with ``method`` and ``concept``, in words."""
    said = {
        "none": "nothing", "leace": "{}", "inlp": "{}, null-space projection", "random": "random, as {}",
        "everything": "everything",
    }  # fmt: skip
    return [said[method].format(concept) for method, concept in zip(table["method"], table["concept"], strict=True)]


def largest(rows: pd.DataFrame) -> str:
    """Return the largest mean of a table of :func:`judge` with its layer and its interval for all layers, in words."""
    best = rows.nlargest(1, "mean").iloc[0]
    return f"{best['mean']:+.3f} at layer {best['layer']} ({interval_words(best['low'], best['high'], signed=True)})"


def over_models(found: Mapping[str, str]) -> str:
    """Return the verdict over models: ``holds here``, ``partly``, ``fails here`` or ``not shown``.

    Parameters
    ----------
    found
        Model to :data:`USED`, :data:`UNUSED` or :data:`UNDECIDED`.
    """
    kinds = set(found.values())
    if kinds == {USED}:
        return "holds here"
    return "fails here" if kinds == {UNUSED} else "partly" if USED in kinds else "not shown"


def beyond_all(words: Sequence[str]) -> str:
    """Return one word for several comparisons that a claim needs together: used where all are, unused where one is."""
    if set(words) == {USED}:
        return USED
    return UNUSED if UNUSED in words else UNDECIDED


def _erased(table: pd.DataFrame, concept: str, method: str) -> pd.DataFrame:
    return table[(table["concept"] == concept) & (table["method"] == method)]


def patch_excess(table: pd.DataFrame, differs: str, own: str, against: Sequence[str] | str) -> pd.DataFrame:
    """Return how much more of a minimal pair's difference one subspace carries than another does.

    Parameters
    ----------
    table
        From :func:`articulens.erasure.patching.patch`.
    differs
        What differs in the pairs, ``"lips"`` or ``"tongue"``.
    own, against
        Concepts whose subspaces were interchanged; ``"random"``: those drawn for `own`.

    Returns
    -------
    DataFrame as of :func:`beyond`: mean over words.
    """
    keys = ["layer", "fold", "speaker"]
    pairs = table[table["differs"] == differs]
    mean = pairs.groupby(["method", "concept", "rank", "draw", *keys], sort=False)["transferred"].mean()
    return beyond(mean.reset_index(), own, str(against), value="transferred")
