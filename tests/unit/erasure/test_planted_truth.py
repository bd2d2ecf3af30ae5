"""Networks whose truth is known: a concept that is encoded and used, encoded and not used, or like any other subspace.

States hold two movements of two dimensions each, mixed into 24. The network encodes both; what lies behind its first
block reads one of them and some of the rest. The statistics are those that the chapter calls.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from articulens.agreement import Agreement
from articulens.encoders.changing import change
from articulens.encoders.transformer import capture
from articulens.erasure import Whitener, everything, leace, random_eraser
from articulens.erasure.erasers import Eraser
from articulens.erasure.judging import UNUSED, USED, beyond, dose_slopes, judge, patch_excess, shares
from articulens.erasure.patching import interchange, transferred
from articulens.errors import ArticulensError
from articulens.moments import Moments
from articulens.probes.linear import LinearProbe

SPEAKERS, FRAMES, FOLDS, DRAWS = 12, 50, 3, 3
WIDTH, REST, SIZE = 24, 8, 2  # dims of the states, of what is neither movement, and of one movement
CASES = 200
PARTS = {"first": slice(0, SIZE), "second": slice(SIZE, 2 * SIZE)}
COLUMNS = ["layer", "method", "concept", "rank", "draw"]


class Toy(nn.Module):
    """Two blocks of states, and what the last one makes of them."""

    def __init__(self, rng: np.random.Generator, uses: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Identity(), nn.Identity()])
        self.mixing = torch.from_numpy(rng.normal(size=(WIDTH, 2 * SIZE + REST)))
        back = torch.linalg.pinv(self.mixing)
        gains = np.zeros(2 * SIZE + REST)
        gains[2 * SIZE :] = 0.3  # the rest is always used a little
        if uses == "second":
            gains[SIZE : 2 * SIZE] = 1.0
        read = back * torch.from_numpy(gains)[:, None]
        if uses == "anything":  # every subspace of the states is as good as any other
            read = torch.from_numpy(rng.normal(size=(8, 2 * SIZE + REST))) @ back
        self.read = read

    def forward(self, sources: torch.Tensor) -> torch.Tensor:
        x = sources @ self.mixing.T
        for block in self.blocks:
            x = block(x)
        return torch.tanh(0.5 * x @ self.read.T)


def planted(seed: int, uses: str):
    """One network, sources and intact answers, moments of both movements, and an eraser with its controls by fold."""
    rng = np.random.default_rng([seed, 9])
    network = Toy(rng, uses)
    gains = 1 + 0.2 * rng.normal(size=(SPEAKERS, 1, 2 * SIZE + REST))
    sources = torch.from_numpy(gains * rng.normal(size=(SPEAKERS, FRAMES, 2 * SIZE + REST)))
    with capture(network.blocks, None, ("1",)) as states:
        intact = network(sources)
    moments = {
        name: [Moments.from_frames(states["1"][s], sources[s, :, part]) for s in range(SPEAKERS)]
        for name, part in PARTS.items()
    }
    return rng, network, sources, intact, moments


def subspaces(rng, moments, concept, k):
    """LEACE of a movement and random subspaces like it, from all speakers but those of fold `k`."""
    m = Moments.sum([part for s, part in enumerate(moments[concept]) if s % FOLDS != k])
    axes = Whitener(m)
    own = leace(m, whitener=axes)
    return m, [own, *(random_eraser(axes, own.rank, own.removed, rng) for _ in range(DRAWS))]


def about(concept):
    """What the subspaces are, in their order."""
    return [("1", "leace", concept, SIZE, 0), *(("1", "random", concept, SIZE, d) for d in range(DRAWS))]


def erased(seed: int, uses: str, concepts=("first", "second")) -> pd.DataFrame:
    """The damage table of one network."""
    rng, network, sources, intact, moments = planted(seed, uses)
    rows = []
    for k in range(FOLDS):
        test = range(k, SPEAKERS, FOLDS)
        for concept in concepts:
            m, found = subspaces(rng, moments, concept, k)
            everything_too = [*about(concept), ("1", "everything", "everything", WIDTH, 0)]
            for what, eraser in zip(everything_too, [*found, everything(m)], strict=True):
                with change(network.blocks, None, {"1": in_double(eraser)}):
                    changed = network(sources[test])
                damage = (changed - intact[test]).square().sum((1, 2)) / intact[test].square().sum((1, 2))
                rows += [(*what, "reading", "final", k, s, float(d)) for s, d in zip(test, damage, strict=True)]
    return shares(pd.DataFrame(rows, columns=[*COLUMNS, "measure", "read_at", "fold", "speaker", "damage"]))


def patched(seed: int) -> tuple[pd.DataFrame, float]:
    """The interchange table of one network for twins that differ in the second movement, which it uses.

    And the largest change of what it says for twins that differ in the first, which it does not use.
    """
    rng, network, sources, intact, moments = planted(seed, "second")
    rows, silent = [], 0.0
    for k in range(FOLDS):
        found = {concept: subspaces(rng, moments, concept, k)[1] for concept in PARTS}
        swap = interchange([eraser for every in found.values() for eraser in every])
        what = [row for concept in PARTS for row in about(concept)]
        for s in range(k, SPEAKERS, FOLDS):
            twins = {name: sources[s].clone() for name in PARTS}
            for name, part in PARTS.items():
                twins[name][:, part] = torch.from_numpy(rng.normal(size=(FRAMES, SIZE)))
            silent = max(silent, float((network(twins["first"][None])[0] - intact[s]).abs().max()))
            with change(network.blocks, None, {"1": swap}):
                *said, goal = network(torch.stack([sources[s]] * len(what) + [twins["second"]]))
            rows += [
                (*row, "second", "word", s, k, transferred(intact[s], goal, x))
                for row, x in zip(what, said, strict=True)
            ]
    return pd.DataFrame(rows, columns=[*COLUMNS, "differs", "word", "speaker", "fold", "transferred"]), silent


def in_double(eraser: Eraser):
    """An eraser at the precision of the toy."""
    return lambda x: torch.from_numpy(eraser(x.numpy()))


def rates(verdicts) -> dict[str, float]:
    """Share of each verdict."""
    return pd.Series(list(verdicts)).value_counts(normalize=True).to_dict()


@pytest.fixture(scope="module")
def on_use() -> list[pd.DataFrame]:
    """Damage tables of networks that use the second movement and not the first."""
    return [erased(seed, "second") for seed in range(CASES)]


def test_what_is_used_is_called_used(on_use):
    found = rates(judge(beyond(table, "second", "random"))[0] for table in on_use)
    assert found.get(USED, 0.0) >= 0.95, found


def test_what_is_encoded_and_not_used_is_called_so(on_use):
    found = rates(judge(beyond(table, "first", "random"))[0] for table in on_use)
    assert found.get(UNUSED, 0.0) >= 0.95, found
    assert found.get(USED, 0.0) <= 0.05, found


def test_a_subspace_like_any_other_raises_no_false_alarm():
    """All speakers share the luck of one subspace, so a test over speakers alone would see it as use."""
    tables = [beyond(erased(seed + 1000, "anything", ("first",)), "first", "random") for seed in range(CASES)]
    judged = [judge(table) for table in tables]
    found = rates(verdict for verdict, _ in judged)
    assert found.get(USED, 0.0) <= 0.05, found
    rows = pd.concat([table for _, table in judged])
    assert ((rows["p"] < 0.05) & (rows["mean"] > 0)).mean() > 0.2  # what a level of .05 promises is .025
    # With one draw a fold nothing is known of that luck, so nothing is called used.
    assert USED not in rates(judge(table[table["draw"] == 0])[0] for table in tables[:20])


def test_both_movements_are_encoded():
    *_, moments = planted(0, "second")
    for parts in moments.values():
        probe = LinearProbe(0.0).fit_moments(Moments.sum(parts[1:]))
        assert Agreement.of(*probe.weights, parts[0]).r.min() > 0.95


def test_interchange_tells_used_from_unused():
    used, unused = [], []
    for seed in range(CASES):
        table, silent = patched(seed)
        assert silent < 1e-9  # twins that differ in what is not used are the same to the network
        used.append(judge(patch_excess(table, "second", "second", "random"))[0])
        unused.append(judge(patch_excess(table, "second", "first", "random"))[0])
    assert rates(used).get(USED, 0.0) >= 0.95, rates(used)
    assert rates(unused).get(UNUSED, 0.0) >= 0.95, rates(unused)
    assert rates(unused).get(USED, 0.0) <= 0.05


def doses(seed: int, luck: float) -> pd.DataFrame:
    """Damage that grows with the rank as it does for subspaces that differ by luck, alike for all speakers."""
    rng, rows = np.random.default_rng(seed), []
    for k, rank in ((k, rank) for k in range(FOLDS) for rank in (1, 2, 4, 8)):
        for method, draw in (("leace", 0), *(("random", d) for d in range(DRAWS))):
            slope = rng.normal(scale=luck)
            own = 0.02 * rng.normal(size=SPEAKERS)
            rows += [
                ("1", method, "first", rank, draw, k, s, np.log2(rank) * (slope + 0.1 * (method == "leace")) + own[s])
                for s in range(k, SPEAKERS, FOLDS)
            ]
    return pd.DataFrame(rows, columns=[*COLUMNS, "fold", "speaker", "share"])


def test_a_dose_is_answered_only_beyond_the_luck_of_subspaces():
    slopes = dose_slopes(doses(0, luck=0.0), "first")
    assert slopes["excess"].mean() == pytest.approx(0.1, abs=0.02) and len(slopes) == SPEAKERS * DRAWS
    assert judge(slopes)[0] == USED
    lucky = rates(judge(dose_slopes(doses(seed, luck=0.5), "first"))[0] for seed in range(40))
    assert lucky.get(USED, 0.0) <= 0.1, lucky
    with pytest.raises(ArticulensError, match="erased at 1 ranks; a slope needs 2 or more"):
        dose_slopes(doses(0, luck=0.0).query("rank == 1"), "first")


def test_the_largest_of_several_layers_has_an_interval_for_all_of_them():
    one = beyond(doses(0, luck=0.0), "first", "random", rank=8)
    several = pd.concat([one.assign(layer=layer) for layer in "1234"])
    alone, among = judge(one)[1].iloc[0], judge(several)[1].iloc[0]
    assert among["low"] < alone["low"] < alone["mean"] < alone["high"] < among["high"]
    assert among["high90"] == alone["high90"]
