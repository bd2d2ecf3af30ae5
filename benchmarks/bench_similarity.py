"""All 25 × 25 pairs of layers of two models, 1,024 wide, on 20,000 frames, beside Gram matrices pair by pair.

Ours streams over utterances and holds the sums of as many pairs as the budget allows; the plain way makes, for each
pair, two Gram matrices of frames × frames. Both in float64 and in one run; the plain way is timed on a few pairs and
scaled up, for each pair takes the same work. The ratio is of processor seconds, which other work on the machine changes
less than those of the clock. With a GPU, ours is timed there too, as a share of its matrix rate.

Also how often the interval of half-samples covers the truth.

    python benchmarks/bench_similarity.py [--plain-pairs 2] [--frames 20000]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from common import T, timed, write

from articulens.similarity import Frames, cka_interval, compare_layers, linear_cka

LAYERS, WIDTH, PER_UTTERANCE = 25, 1024, 500


def states(model: int, layer: int, utterance: int) -> torch.Tensor:
    """Return float16 states that share less and less of something common from layer to layer."""
    common, noise = (
        torch.randn(PER_UTTERANCE, WIDTH, generator=torch.Generator().manual_seed(seed))
        for seed in (utterance, 1000 + (utterance * 2 + model) * LAYERS + layer)
    )
    share = 1 - layer / LAYERS
    return (share * common + (1 - share) * noise).half()


def utterances(frames: int) -> list[Frames]:
    """Return utterances in both models' layers."""
    return [
        Frames(f"u{u}", "nobody", {(f"model {m}", str(i)): states(m, i, u) for m in (0, 1) for i in range(LAYERS)})
        for u in range(frames // PER_UTTERANCE)
    ]


def plain(x: torch.Tensor, y: torch.Tensor) -> float:
    """Return debiased linear CKA by Gram matrices of frames × frames."""
    n, grams = len(x), []
    for z in (x, y):
        z = z.double() - z.double().mean(0)
        gram = z @ z.T
        grams.append(gram.fill_diagonal_(0))

    def hsic(k: torch.Tensor, other: torch.Tensor) -> float:
        one, two = k.sum(0), other.sum(0)
        total = torch.dot(k.view(-1), other.view(-1)) + one.sum() * two.sum() / ((n - 1) * (n - 2))
        return float(total - 2 / (n - 2) * torch.dot(one, two)) / (n * (n - 3))

    k, other = grams
    return hsic(k, other) / (hsic(k, k) * hsic(other, other)) ** 0.5


def processor_timed(what: Callable[[], T]) -> tuple[float, float, T]:
    """Return processor seconds, seconds by the clock, and the result of one call."""
    started = time.process_time()
    seconds, result = timed(what)
    return time.process_time() - started, seconds, result


def coverage(trials: int = 200) -> dict[str, float]:
    """Return how often 95 % intervals over utterances cover the truth, with structure in common and without."""
    found = {}
    for name, shared in (("nothing_in_common", 0.0), ("half_of_the_variance_in_common", 0.5)):
        inside = 0
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            noise = rng.normal(size=(3, 30, 20, 16))
            for t in range(1, 20):
                noise[:, :, t] = 0.8 * noise[:, :, t - 1] + 0.6 * noise[:, :, t]
            common, a, b = noise.reshape(3, -1, 16)
            x, y = (np.sqrt(shared) * common + np.sqrt(1 - shared) * own for own in (a, b))
            low, high = cka_interval(x, y, utterances=np.repeat(np.arange(30), 20), draws=60, seed=trial)
            inside += low <= shared**2 <= high
        found[name] = inside / trials
    return found


def on_gpu(heard: list[Frames], pairs: list) -> dict:
    """Return the time on a GPU and its share of the rate of large float64 products there."""
    moved = [Frames(f.utterance, f.speaker, {v: x.cuda() for v, x in f.views.items()}) for f in heard]
    options = {"forms": ["debiased"], "draws": 0, "device": "cuda", "budget_gb": 40.0}
    compare_layers(moved[:4], pairs, **options)
    seconds, _ = timed(lambda: (compare_layers(moved, pairs, **options), torch.cuda.synchronize()))
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.float64) for _ in range(2))
    a @ b
    torch.cuda.synchronize()
    rate_s, _ = timed(lambda: ([a @ b for _ in range(5)], torch.cuda.synchronize()))
    rate = 5 * 2 * 8192**3 / rate_s
    flop = 2 * sum(map(len, heard)) * WIDTH**2 * (len(pairs) + 2 * LAYERS)
    return {
        "seconds": round(seconds, 2),
        "flop_per_second": flop / seconds,
        "share_of_matrix_rate": flop / seconds / rate,
    }


def main() -> None:
    """Time both ways and compare their values."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--plain-pairs", type=int, default=2)
    parser.add_argument("--budget-gb", type=float, default=2.0)
    options = parser.parse_args()
    heard = utterances(options.frames)
    pairs = [(("model 0", str(i)), ("model 1", str(j))) for i in range(LAYERS) for j in range(LAYERS)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    how = {"forms": ["debiased"], "draws": 0, "budget_gb": options.budget_gb, "window": 8, "device": "cpu"}
    ours, seconds, found = processor_timed(lambda: compare_layers(heard, pairs, **how))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    heard.clear()  # the plain way wants the memory
    slow, difference = [], 0.0
    for i in np.linspace(0, len(pairs) - 1, options.plain_pairs).astype(int):
        a, b = pairs[i]
        x, y = (
            torch.cat([states(model, int(layer), u) for u in range(options.frames // PER_UTTERANCE)])
            for model, (_, layer) in enumerate((a, b))
        )
        took, _, value = processor_timed(lambda x=x, y=y: plain(x, y))
        slow.append(took)
        difference = max(difference, abs(value - found.of(a, b, "debiased")[0]))
    scaled = float(np.median(slow)) * len(pairs)
    x, y = np.random.default_rng(0).normal(size=(2, 32, 1024))
    result: dict = {
        "what": f"{LAYERS} x {LAYERS} pairs of layers, {WIDTH} wide, {options.frames} frames, float64, debiased",
        "ours_processor_s": round(ours, 1),
        "ours_s": round(seconds, 1),
        "plain_processor_s_a_pair": [round(s, 1) for s in slow],
        "plain_processor_s_scaled_to_all_pairs": round(scaled),
        "ratio": round(scaled / ours, 1),
        "largest_difference": difference,
        "budget_gb": options.budget_gb,
        "memory_above_the_states_gb": round((peak - before) / 2**20, 2),
        "plain_memory_a_pair_gb": round(2 * 8 * options.frames**2 / 1e9, 2),
        "inflation_of_independent_32_x_1024": {
            "biased": round(linear_cka(x, y, biased=True), 3),
            "debiased": round(linear_cka(x, y), 3),
        },
        "coverage_of_95_percent_intervals": coverage(),
    }
    if torch.cuda.is_available():
        result["gpu"] = on_gpu(utterances(options.frames), pairs)
    write("similarity", result)


if __name__ == "__main__":
    main()
