"""What similarity refuses, and how it gets its frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from articulens.corpora import open_corpus
from articulens.encoders.base import Encoder, States
from articulens.encoders.clock import FrameClock
from articulens.encoders.transformer import WHISPER_CLOCK
from articulens.errors import ArticulensError
from articulens.figures_similarity import similarity_grid, similarity_matrices, similarity_matrix, similarity_profiles
from articulens.similarity import (
    LABELS,
    Frames,
    Listening,
    Minibatch,
    WithoutPlace,
    compare_layers,
    linear_cka,
    shared_clock,
)

A, B = ("a", "0"), ("b", "0")


class Watch(Encoder):
    """Two layers: the time of each frame, and whether the sound is loud there."""

    layers, width, do_normalize, fingerprint = ("time", "level"), 1, False, "0"

    def __init__(self, name: str, clock: FrameClock) -> None:
        self.name, self.clock = name, clock

    def record(self):
        return {}

    def encode_batch(self, items, *, sources=None, keep_on_device=False):
        found = []
        for samples, rate_hz in items:
            times_s = self.clock.times_s(round(len(samples) / rate_hz * self.clock.rate_hz))
            level = np.abs(np.asarray(samples))[np.clip(times_s * rate_hz, 0, len(samples) - 1).astype(int)]
            layers = {"time": torch.from_numpy(times_s)[:, None], "level": torch.from_numpy(level)[:, None]}
            found.append(States(layers, times_s))
        return found


@pytest.fixture(scope="module")
def corpus():
    whole = open_corpus("bundled")
    return whole.select(id=[u.id for u in whole if u.speaker in ("FIN02", "RUS02")][::6])


def test_frames_of_all_encoders_are_of_the_same_times(corpus):
    encoders = {"front end": Watch("front end", FrameClock()), "whisper": Watch("whisper", WHISPER_CLOCK)}
    heard = list(Listening(corpus, encoders, batch_seconds=4))
    assert len(heard) == len(corpus) and {f.speaker for f in heard} == {"FIN02", "RUS02"}
    for frames in heard:
        times_s = frames.views["front end", "time"][:, 0]
        np.testing.assert_allclose(frames.views["whisper", "time"][:, 0], times_s, atol=1e-12)
        np.testing.assert_allclose(np.diff(times_s), 0.02, atol=1e-9)
        assert times_s[0] == pytest.approx(199.5 / 16_000)
    again = list(Listening(corpus, encoders, batch_seconds=100))
    assert [f.utterance for f in heard] == [f.utterance for f in again] != [u.id for u in corpus]
    speech = list(Listening(corpus, encoders, frames="speech"))
    assert sum(map(len, speech)) < sum(map(len, heard))


def test_labels_are_views_of_their_own(corpus):
    listening = Listening(corpus, {"front end": Watch("front end", FrameClock())}, frames="speech", labels=True)
    assert listening.views == [("front end", "time"), ("front end", "level"), *LABELS]
    for frames in listening:
        phones, speaker = (frames.views[label] for label in LABELS)
        assert (phones.sum(1) == 1).all() and (speaker.argmax(1) == speaker[0].argmax()).all()
        u = next(u for u in corpus if u.id == frames.utterance)
        at = float(frames.views["front end", "time"][7])
        said = next(label for start, end, label in corpus.read_intervals(u) if start <= at < end)
        assert listening._phones[int(phones[7].argmax())] == said.rstrip("ː")


def test_encoders_of_other_frame_rates_are_refused(corpus):
    fast = Watch("fast", FrameClock(hop=160))
    assert shared_clock({"a": fast}) == fast.clock, "one clock is compared on itself"
    assert shared_clock({"a": Watch("a", FrameClock()), "b": Watch("b", WHISPER_CLOCK)}) == FrameClock()
    message = r"cannot be compared frame by frame \(slow 50, fast 100 frames a second\), expected 50 of each"
    with pytest.raises(ArticulensError, match=message):
        Listening(corpus, {"slow": Watch("slow", FrameClock()), "fast": fast})
    with pytest.raises(ArticulensError, match="no encoder to compare"):
        shared_clock({})
    with pytest.raises(ArticulensError, match="frames 'silence' is unknown"):
        Listening(corpus, {"fast": fast}, frames="silence")


def heard(n: int = 6, frames: int = 9, change=lambda u, x: x) -> list[Frames]:
    rng = np.random.default_rng(0)
    views = [{v: torch.from_numpy(rng.normal(size=(frames, 3))) for v in (A, B)} for _ in range(n)]
    return [Frames(f"u{u}", "s", {A: change(u, own[A]), B: own[B]}) for u, own in enumerate(views)]


def spoiled(u: int, x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    if u == 3:
        x[4, 1] = torch.nan
    return x


BAD = {
    r"1 utterance\(s\) are too few .* expected 4 or more": lambda: compare_layers(heard(1)),
    "layer 0 of a is the same in all 54 frames": lambda: compare_layers(heard(change=lambda u, x: 0 * x + 0.1)),
    "u3: layer 0 of a holds NaN or infinite states": lambda: compare_layers(heard(change=spoiled)),
    "there is no utterance with a frame": lambda: compare_layers([]),
    "form 'unbiased' is unknown": lambda: compare_layers(heard(), forms=["unbiased"]),
    "resample 'frame' is unknown": lambda: compare_layers(heard(), resample="frame"),
    "6 utterances cannot be paired with wrong ones in 6 ways": lambda: compare_layers(heard(), repairings=6),
    "-1 draws and 0 re-pairings were asked for": lambda: compare_layers(heard(), draws=-1),
    "there is no pair of layers to compare": lambda: compare_layers(heard(), []),
    "u3: 2 dimensions in layer 0 of a, expected 3": lambda: compare_layers(
        heard(change=lambda u, x: x[:, : 3 - (u == 3)])
    ),
    "c 0 is not among the views of u0": lambda: compare_layers(heard(), [(A, ("c", "0"))]),
    "more than the budget of": lambda: compare_layers(heard(), budget_gb=1e-6),
    "take 2 passes within .* can be gone through once": lambda: compare_layers(iter(heard()), draws=0, budget_gb=6e-7),
    "9 re-pairings do not fit a window of 8": lambda: compare_layers(heard(), repairings=9, window=8),
    "re-paired utterances are a null of": lambda: compare_layers(heard(), forms=["debiased"], repairings=2),
    "aggregate 'median' is unknown": lambda: Minibatch(aggregate="median"),
    "mini-batches of 3 rows are too small": lambda: Minibatch(3),
    "2 utterances are too few to know": lambda: list(WithoutPlace(heard(2))),
    "views of shapes .* do not pair": lambda: Frames("u", "s", {A: torch.zeros(3, 2), B: torch.zeros(4, 2)}),
    "x has 5 frames, y 4": lambda: linear_cka(np.ones((5, 2)), np.ones((4, 2))),
    r"y has shape \(5,\)": lambda: linear_cka(np.ones((5, 2)), np.ones(5)),
    "x holds NaN": lambda: linear_cka(np.full((5, 2), np.nan), np.ones((5, 2))),
    "3 frames are too few": lambda: linear_cka(np.eye(3), np.eye(3)),
    "2 utterances are too few": lambda: linear_cka(np.eye(8), np.eye(8), utterances=[0] * 4 + [1] * 4),
    "y is the same in all 8 frames": lambda: linear_cka(np.eye(8), np.ones((8, 2))),
}


@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_compared_is_told_in_one_sentence(message):
    with pytest.raises(ArticulensError, match=message) as told:
        BAD[message]()
    assert str(told.value).endswith(".") and "\n" not in str(told.value)


def test_few_utterances_have_similarity_but_no_interval():
    table = compare_layers(heard(4), draws=20).table
    cross = table[table["form"] == "cross_utterance"]
    assert np.isfinite(cross["cka"]).all() and cross["low"].isna().all()


def test_speakers_can_be_what_is_drawn():
    utterances = heard(24)
    for i, frames in enumerate(utterances):
        object.__setattr__(frames, "speaker", f"s{i % 6}")
    found = {r: compare_layers(utterances, [(A, B)], draws=8, resample=r) for r in ("utterance", "speaker")}
    np.testing.assert_allclose(found["utterance"].table["cka"], found["speaker"].table["cka"])
    assert not np.allclose(found["utterance"].draws, found["speaker"].draws, equal_nan=True)
    for i, frames in enumerate(utterances):
        object.__setattr__(frames, "speaker", f"s{i % 3}")
    table = compare_layers(utterances, [(A, B)], draws=12, resample="speaker").table
    assert table["cka"].notna().all() and table["low"].isna().all(), "three speakers say nothing of others"


def test_what_depends_on_the_frame_number_alone_is_seen_and_taken_away():
    rng = np.random.default_rng(1)
    place = torch.from_numpy(rng.normal(size=(40, 8)))
    utterances = [
        Frames(f"u{u}", "s", {v: place[:n] + torch.from_numpy(rng.normal(size=(n, 8))) for v in (A, B)})
        for u, n in enumerate(rng.integers(30, 41, 30))
    ]
    seen = compare_layers(utterances, [(A, B)], forms=["cross_utterance"], draws=30, repairings=3).table.iloc[0]
    assert seen["cka"] > 0.2 and seen["null_mean"] == pytest.approx(seen["cka"], abs=0.05)
    without = compare_layers(WithoutPlace(utterances), [(A, B)], forms=["cross_utterance"], draws=30).table.iloc[0]
    assert abs(without["cka"]) < 0.02 and without["low"] < 0 < without["high"] + 0.02
    assert without["n_utterances"] == 30 and without["n_frames"] <= seen["n_frames"]


def test_the_best_of_many_is_scored_on_utterances_that_did_not_choose_it():
    label, plain, chosen = ("label", ""), [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        layers = [("noise", str(k)) for k in range(12)]
        utterances = [
            Frames(f"u{u}", "s", {view: torch.from_numpy(rng.normal(size=(4, 3))) for view in (label, *layers)})
            for u in range(24)
        ]
        pairs = [(layer, label) for layer in layers]
        found = compare_layers(utterances, pairs, forms=["cross_utterance"], draws=20)
        best, value, draws = found.best(pairs)
        plain.append(found.table["cka"].max())
        chosen.append(value)
        assert best == pairs[int(found.table["cka"].argmax())] and len(draws) == 20
    spread = np.std(chosen) / np.sqrt(len(chosen))
    assert abs(np.mean(chosen)) < 3 * spread < np.mean(plain), "nothing is in common with noise"


def test_the_best_is_the_best_where_one_is():
    rng = np.random.default_rng(0)
    label, layers = ("label", ""), [("model", str(k)) for k in range(3)]
    utterances = []
    for u in range(24):
        x = rng.normal(size=(6, 3))
        noisy = {
            layer: x + noise * rng.normal(size=(6, 3)) for layer, noise in zip(layers, (3.0, 0.5, 2.0), strict=True)
        }
        utterances.append(Frames(f"u{u}", "s", {v: torch.from_numpy(y) for v, y in {label: x, **noisy}.items()}))
    pairs = [(layer, label) for layer in layers]
    found = compare_layers(utterances, pairs, draws=24)
    pair, value, draws = found.best(pairs)
    assert pair == pairs[1] and value == pytest.approx(found.of(*pair)[0], abs=0.03)
    np.testing.assert_array_equal(draws, found.of(*pair)[1])
    assert found.interval(pairs[:1]) == pytest.approx(
        (found.of(*pairs[0])[0], *found.table.query("form == 'cross_utterance'")[["low", "high"]].iloc[0])
    )
    assert found.difference(pairs, pairs[:1])[1] > 0 > found.difference(pairs[:1], pairs)[2]
    few = compare_layers(utterances[:4], pairs, forms=["cross_utterance"], draws=20)
    assert few.best(pairs)[1] == few.table["cka"].max() and np.isnan(few.interval(pairs)[1])


def test_no_pair_is_the_best_of_those_without_a_value():
    found = compare_layers(heard(), draws=4)
    nothing = replace(found, table=found.table.assign(cka=np.nan))
    with pytest.raises(ArticulensError, match=r"none of 1 pairs of layers has a similarity .* hear more utterances"):
        nothing.best([(A, B)])


def test_figures_say_what_they_show():
    found = compare_layers(heard(12), draws=12, repairings=2)
    grid = similarity_grid(found.table, ["a", "b"], ["b", "a"], form="cross_utterance")
    assert grid.loc[("a", "0"), ("b", "0")] == pytest.approx(found.of(B, A)[0]) and grid.shape == (2, 2)
    assert grid.loc[("b", "0"), ("b", "0")] == pytest.approx(1)
    assert similarity_grid(found.table, ["a"], ["c"], form="debiased").size == 0
    for figure in (similarity_matrix(grid, title="two"), similarity_matrices({"two": grid, "same": grid})):
        assert "b, layer 0" in figure.alt and figure._repr_png_()
    profile = similarity_profiles(found.table, [B], ["a"], form="debiased", title="towards b")
    assert "CKA with b" in profile.alt and f"{found.of(A, B, 'debiased')[0]:.2f}" in profile.alt
    empty = similarity_profiles(found.table, [("c", "0")], ["a"], form="debiased")
    for figure in (empty, similarity_matrices({}), similarity_matrix(grid.iloc[:0])):
        assert figure.alt == "Nothing to show: see the text above."
    difference, low, high = found.difference([(A, A)], [(A, B)])
    assert low < difference < high and difference == pytest.approx(1 - found.of(A, B)[0])
    with pytest.raises(ArticulensError, match="were not compared in the form 'minibatch'"):
        found.of(A, B, "minibatch")
