"""How often does a correlation over models deceive? Simulated models of known truth: independent, and in families.

An outcome and two predictors for each model. Under the null both predictors go equally well with the outcome; relatives
share a part of what they are. Counted: how often Williams' test finds a difference, how often it still does when
each family is left out in turn, and how often intervals hold the truth.

    python benchmarks/simulate_predictors.py [--runs 2000]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from common import write

from articulens.evaluation.predictors import contest, leave_family_out, whatever_is_left_out

#: Sizes of the families of one simulated table.
TABLES = {
    "12 models of 4 equal families": [3, 3, 3, 3],
    "11 models of 5 unequal families": [4, 2, 2, 2, 1],
    "18 models of 4 equal families": [5, 5, 4, 4],
}


def drawn(
    rng: np.random.Generator, families: np.ndarray, r: tuple[float, float], between: float, shared: float
) -> pd.DataFrame:
    """Return outcome ``y`` and predictors ``a``, ``b`` of models of which relatives share a part."""
    root = np.linalg.cholesky([[1, *r], [r[0], 1, between], [r[1], between, 1]])
    own = rng.normal(size=(len(families), 3)) @ root.T
    common = (rng.normal(size=(families.max() + 1, 3)) @ root.T)[families]
    table = pd.DataFrame(np.sqrt(shared) * common + np.sqrt(1 - shared) * own, columns=["y", "a", "b"])
    return table.assign(family=families)


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(0)
    result: dict = {"runs": runs, "standard_error_of_a_share_of_.05": round(float(np.sqrt(0.05 * 0.95 / runs)), 4)}
    for name, sizes in TABLES.items():
        families = np.repeat(np.arange(len(sizes)), sizes)
        for shared in (0.0, 0.5, 0.8):
            found = alone = covered = bootstrapped = 0
            for i in range(runs):
                table = drawn(rng, families, (0.8, 0.8), 0.9, shared)
                left = leave_family_out(table, "y", "a", "b")
                found += left["p"].iloc[0] < 0.05
                alone += whatever_is_left_out(left) < 0.05
                if i < runs // 4:  # the bootstrap is the slow part
                    made = contest(table["y"], table["a"], table["b"], draws=500, seed=i)
                    bootstrapped += made.low <= 0 <= made.high
                    covered += made.a.low <= 0.8 <= made.a.high
            result[f"{name}, sharing {shared:g}: true null"] = {
                "williams_finds_a_difference": found / runs,
                "so_does_every_family_left_out": alone / runs,
                "bootstrap_interval_of_the_difference_covers": bootstrapped / (runs // 4),
                "fisher_interval_of_r_covers": covered / (runs // 4),
            }
        power = strict = 0
        for _ in range(runs // 2):
            left = leave_family_out(drawn(rng, families, (0.9, 0.4), 0.6, 0.5), "y", "a", "b")
            power += left["p"].iloc[0] < 0.05
            strict += whatever_is_left_out(left) < 0.05
        result[f"{name}, sharing 0.5: .9 against .4"] = {
            "williams_finds_it": power / (runs // 2),
            "so_does_every_family_left_out": strict / (runs // 2),
        }
    write("predictors", result)


if __name__ == "__main__":
    main()
