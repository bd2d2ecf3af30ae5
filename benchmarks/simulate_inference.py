"""Do intervals cover and tests reject as often as they say? Simulated scores whose truth is known.

18, 11 and 7 speakers; each has a true score of its own (normal, or skewed as correlations near 1 are) and utterances
that scatter around it.

    python benchmarks/simulate_inference.py [--runs 1000]
"""

from __future__ import annotations

import argparse

import numpy as np
from common import write

from articulens.evaluation.inference import equivalence, sign_flip, speaker_interval


def speakers_scores(rng: np.random.Generator, n: int, skewed: bool) -> np.ndarray:
    """Return the mean of 20 utterances of each of `n` speakers."""
    true = np.tanh(0.9 + 0.35 * rng.normal(size=n)) if skewed else 0.7 + 0.1 * rng.normal(size=n)
    return true + 0.15 * rng.normal(size=(20, n)).mean(axis=0)


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=4000)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(0)
    skewed_mean = float(np.tanh(0.9 + 0.35 * np.random.default_rng(1).normal(size=4_000_000)).mean())
    result: dict = {"runs": runs, "standard_error_of_a_share_of_.95": round(float(np.sqrt(0.95 * 0.05 / runs)), 4)}
    for n in (18, 11, 7):
        shares = {}
        for name, skewed, truth in (("normal", False, 0.7), ("skewed", True, skewed_mean)):
            covered = 0
            for i in range(runs):
                low, high = speaker_interval(speakers_scores(rng, n, skewed), draws=1000, seed=i)
                covered += low <= truth <= high
            shares[f"interval_covers_{name}"] = covered / runs
        one = family = power = equal = not_equal = 0
        for i in range(runs):
            null = 0.06 * rng.normal(size=(n, 25)) + 0.04 * rng.normal(size=(n, 1))  # 25 layers that go together
            one += sign_flip(null[:, :1], draws=2000, seed=i)[0] <= 0.05
            family += sign_flip(null, draws=2000, seed=i).min() <= 0.05
            power += sign_flip(null + 0.08 * (np.arange(25) == 12), draws=2000, seed=i)[12] <= 0.05
            noise = 0.05 * rng.normal(size=n)
            equal += equivalence(noise, np.zeros(n), 0.05).holds
            not_equal += equivalence(noise + 0.05, np.zeros(n), 0.05).holds
        shares |= {
            "sign_flip_rejects_a_true_null": one / runs,
            "max_t_over_25_layers_rejects_a_true_null": family / runs,
            "max_t_finds_a_layer_that_is_better_by_.08": power / runs,
            "tost_accepts_at_the_margin": not_equal / runs,
            "tost_accepts_no_difference_sd_.05_margin_.05": equal / runs,
        }
        result[f"{n}_speakers"] = shares
    write("inference", result)


if __name__ == "__main__":
    main()
