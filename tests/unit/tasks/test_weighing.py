"""Weights, contributions, layers alone and left out, where the truth is known; and what cannot be weighed."""

import jiwer
import numpy as np
import pandas as pd
import pytest
import torch

from articulens.errors import ArticulensError
from articulens.tasks import (
    ALONE,
    SUM,
    WITHOUT,
    Planted,
    Task,
    Training,
    by_speaker,
    difference,
    drops,
    split,
    summarise_tasks,
    weigh,
)  # fmt: skip
from articulens.tasks.heads import Batch, Heads, classification_loss, phone_loss, whiteners
from articulens.tasks.questions import phone_errors
from articulens.tasks.summary import mean_interval

TASK = Task("planted", "a planted task", ("class",), ("speaker",))


@pytest.fixture(scope="module", params=[0, 1])
def planted(request):
    made = Planted(seed=request.param)
    return made, weigh(made, made.table, TASK, norm="none", seeds=(0, 1), folds=4)


def test_weights_mislead_where_contribution_and_omission_do_not(planted):
    made, found = planted
    means = found.weights.groupby("layer")[["weight", "contribution"]].mean()
    worth = drops(found.scores).set_index("layer")
    assert means["weight"].idxmax() == made.helper  # the layer that by itself tells nothing
    assert means["contribution"].idxmax() == made.solver
    assert worth["drop"].idxmax() == made.solver and worth.loc[made.solver, "drop_low"] > 0.3
    assert worth["alone"].idxmax() == made.solver
    assert worth.loc[made.helper, "alone_low"] < 1 / 3 < worth.loc[made.helper, "alone_high"]


def test_every_weighted_sum_has_weights_that_add_up(planted):
    made, found = planted
    sums = found.weights.groupby(["seed", "fold"])[["weight", "contribution"]].sum()
    assert np.allclose(sums, 1) and len(sums) == 8
    own = found.scores[found.scores["variant"] == SUM]
    assert (own.groupby("seed")["utterance"].nunique() == len(made.table)).all()  # each tested once a seed


def test_after_layer_norm_contribution_is_weight(planted):
    made, _ = planted
    found = weigh(made, made.table, TASK, norm="layer", folds=4, variants=[SUM])
    assert np.allclose(found.weights["weight"], found.weights["contribution"], atol=2e-3)
    assert found.weights.groupby("layer")["weight"].mean().idxmax() == made.solver


def test_same_seed_same_numbers_and_heads_do_not_disturb_each_other(planted):
    made, found = planted
    alone = weigh(made, made.table, TASK, norm="none", folds=4, variants=[SUM]).scores
    beside = found.scores[(found.scores["variant"] == SUM) & (found.scores["seed"] == 0)]
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), beside.reset_index(drop=True), rtol=1e-3, atol=1e-3)


def test_one_layer_degrades_to_itself():
    made = Planted(layers=2, solver=0, helper=1)
    made.layers, made.mixable = made.layers[:1], made.layers[:1]
    made._states = made._states[:1]
    found = weigh(made, made.table, TASK, folds=4)
    assert set(found.scores["variant"]) == {SUM, ALONE} and (found.weights["weight"] == 1).all()
    worth = drops(found.scores)
    assert worth["drop"].isna().all() and worth["alone"].iloc[0] > 0.5


def test_scores_stand_beside_chance(planted):
    made, found = planted
    summary = summarise_tasks(found.scores).set_index(["variant", "layer"])
    row = summary.loc[(SUM, "")]
    assert row["score"] > 0.95 and row["low"] <= row["score"] <= row["high"] <= 1 and row["speakers"] == 12
    assert row["chance"] == pytest.approx(1 / 3, abs=0.02) and row["gain_low"] > 0.5
    noise = summary.loc[(ALONE, "0")]
    assert noise["gain_low"] < 0 < noise["gain_high"]
    speakers = by_speaker(found.scores)
    assert speakers.loc[speakers["variant"] == SUM, "score"].mean() == pytest.approx(row["score"])
    key = ("planted", "planted", "none")
    gain, low, high = difference(found.scores, (*key, SUM, ""), (*key, WITHOUT, made.solver))
    assert gain == pytest.approx(drops(found.scores).set_index("layer").loc[made.solver, "drop"]) and low < gain < high


def test_intervals_cover_and_stay_in_range():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        values = rng.binomial(10, 0.9, 12) / 10
        low, high = mean_interval(values, draws=600)
        assert 0 <= low <= high <= 1
        covered.append(low <= 0.9 <= high)
    assert 0.9 <= np.mean(covered) <= 0.99
    assert np.isnan(mean_interval(np.array([0.1, 0.2, 0.3]))).all()


def test_ctc_of_many_heads_is_that_of_each():
    rng = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 2 * 6, 5, generator=rng)
    batch = Batch(torch.zeros(1), torch.tensor([1, 2, 3, 4, 4]), [6, 5], [3, 2])
    by_head = phone_loss(scores, batch)
    for head in range(3):
        own = scores[head].view(2, 6, 5).log_softmax(-1).transpose(0, 1)
        lengths = torch.tensor([6, 5]), torch.tensor([3, 2])
        wanted = torch.nn.functional.ctc_loss(own, batch.targets, *lengths, reduction="sum")
        assert by_head[head] == pytest.approx(float(wanted) / 5, rel=1e-5)


def test_questions_are_added_up():
    scores = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(1))
    targets = torch.stack([torch.arange(7) % 2, torch.arange(7) % 3], 1)
    own = classification_loss([2, 3])(scores, Batch(torch.zeros(1), targets))
    of_each = torch.nn.functional.cross_entropy
    wanted = [of_each(s[:, :2], targets[:, 0]) + of_each(s[:, 2:], targets[:, 1]) for s in scores]
    assert torch.allclose(own, torch.stack(wanted))


def test_whitened_heads_are_linear_in_the_weighted_sum():
    x = (
        torch.randn(3, 40, 6, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1.0, 10.0, 0.1])[:, None, None]
    )
    allowed = torch.tensor([[True, True, False], [False, False, True]])
    mean, whitener = whiteners(x, allowed, "abc", parts=2)
    heads = Heads(allowed, mean, whitener, 4, [0, 0])
    with torch.no_grad():
        heads.mixing.copy_(torch.tensor([[0.3, -0.2, 9.0], [1.0, 2.0, 3.0]]))
        scores, mixture = heads(x), heads.mixture()
        assert torch.allclose(mixture.sum(1), torch.ones(2)) and mixture[0, 2] == 0 and mixture[1, 2] == 1
        for head in range(2):
            summed = torch.einsum("l,lnd->nd", mixture[head], x - mean[:, None])
            weight = torch.block_diag(*whitener[head]) @ heads.weight[head]
            assert torch.allclose(scores[head], summed @ weight + heads.bias[head], atol=1e-4)


def test_phone_errors_are_those_of_jiwer():
    assert phone_errors(["a", "b", "c"], ["a", "c", "c", "d"]) == 2 and phone_errors(["a", "b"], []) == 2
    said, heard = ["k", "ɑ", "l", "ɑ"], ["k", "ɑ", "ɑ"]
    assert phone_errors(said, heard) / 4 == jiwer.wer(" ".join(said), " ".join(heard))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_layers_are_refused(value):
    made = Planted()
    made._states[2] = value
    with pytest.raises(ArticulensError, match=r"^layer 2: its features are the same in all \d+ training rows, exp"):
        weigh(made, made.table, TASK, how=Training(rounds=1))


def table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    index = pd.Index([f"u{i}" for i in range(len(rows))], name="id")
    return pd.DataFrame([{"speaker": s, "sentence": t, "answer": (a,)} for s, t, a in rows], index=index)


def test_test_sets_share_nothing():
    rows = [(f"s{i // 14}", f"t{i // 5}", "ab"[i % 2]) for i in range(84)]  # neighbours share a sentence
    whole = table(rows)
    for apart in (("speaker",), ("sentence",), ("speaker", "sentence")):
        task = Task("a", "a task", ("x",), apart)
        parts = split(whole, task, folds=4)
        assert sorted(i for part in parts for i in part.test) == sorted(whole.index)
        for part in parts:
            assert not set(part.train) & set(part.valid) and part.train and part.valid
            for column in task.apart:
                assert not set(whole.loc[[*part.train, *part.valid], column]) & set(whole.loc[list(part.test), column])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("s0", "t0", "a")], r"1 utterance\(s\) of 1 speaker\(s\) cannot be divided .* expected 3 speakers or more"),
        ([("s0", "t0", "a"), ("s1", "t1", "b")], r"of 2 speaker\(s\) cannot be divided"),
        ([("s0", "t0", "a"), ("s1", "t1", "b"), ("s2", "t2", "c")], r"class '.' occurs in \w+ but not in training"),
        ([("s0", "t0", "a"), ("s1", "t1", "a"), ("s2", "t2", "a")], "all training utterances have the class 'a'"),
    ],
)
def test_small_corpora_are_told_what_they_lack(rows, said):
    with pytest.raises(ArticulensError, match=said):
        split(table(rows), TASK)


def test_a_given_split_is_kept_and_checked():
    rows = table([(f"s{i}", f"t{i}", "ab"[i % 2]) for i in range(8)])
    given = rows.assign(split=["train"] * 4 + ["valid"] * 2 + ["test"] * 2)
    (part,) = split(given, TASK)
    assert part.test == ("u6", "u7")
    with pytest.raises(ArticulensError, match="share speaker 's0'"):
        split(given.assign(speaker="s0"), TASK)
    with pytest.raises(ArticulensError, match="the column 'split' holds test, train"):
        split(given.assign(split=["train"] * 4 + ["test"] * 4), TASK)
