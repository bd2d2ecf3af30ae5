r"""A mixed model as a check: conditions and tasks in one model, with the speaker as a random effect.

.. math:: \operatorname{artanh} r_{s,c,t} = \beta_0 + \beta_c + \gamma_t + u_s + \varepsilon_{s,c,t},
          \quad u_s \sim N(0, \sigma_u^2)

It is a check, not the headline: its intervals are normal-theory (Wald), which is a little too narrow for few speakers.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from articulens.errors import ArticulensError
from articulens.evaluation.inference import FEWEST, fisher_mean

COLUMNS = ("factor", "level", "against", "difference", "low", "high", "z", "p", "speakers", "observations")


def mixed_effects(scores: pd.DataFrame, fixed: Mapping[str, str]) -> pd.DataFrame:
    """Fit a mixed model to scores on Fisher's z scale, with a random intercept for every speaker (statsmodels, REML).

    Parameters
    ----------
    scores
        Rows of the tidy score table at one layer a speaker; channels are averaged (Fisher) inside every combination of
        ``speaker`` and the factors.
    fixed
        Factors by name, each with its reference level: ``{"condition": "L1", "task": "T2"}``. A factor with one level
        in `scores` is left out.

    Returns
    -------
    DataFrame with one row a factor and level other than the reference: ``difference`` in r with its 95 % interval
    ``low``, ``high`` (at the mean of the reference), the same on the ``z`` scale without an interval, ``p``,
    ``speakers`` and ``observations``.

    Raises
    ------
    ArticulensError
        Without statsmodels; for fewer than :data:`~articulens.evaluation.inference.FEWEST` speakers, no factor with two
        levels, or scores to which the model cannot be fitted.
    """
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError as error:
        raise ArticulensError(
            "mixed_effects: the package statsmodels is missing; install articulens with the extra [book]."
        ) from error
    factors = [name for name in fixed if scores[name].nunique() > 1]
    if scores["speaker"].nunique() < FEWEST or not factors:
        raise ArticulensError(
            f"a mixed model needs {FEWEST} speakers and a factor with two levels, but there are "
            f"{scores['speaker'].nunique()} speaker(s) and {len(factors)} such factor(s); compare less, or more people."
        )
    table = scores.groupby(["speaker", *factors])["r"].agg(fisher_mean).dropna().reset_index()
    z = np.arctanh(np.clip(table["r"], -0.999999, 0.999999)).to_numpy()
    terms = [
        (name, str(level))
        for name in factors
        for level in pd.unique(table[name])
        if level != _reference(table, name, fixed[name])
    ]
    dummies = np.column_stack([table[name] == level for name, level in terms]).astype(float)
    exog = np.column_stack([np.ones(len(table)), dummies])
    try:
        with warnings.catch_warnings():  # a variance of 0 over speakers is an answer
            warnings.simplefilter("ignore")
            # Powell's method takes no gradient: lbfgs now and then steps to where the model cannot be evaluated.
            fitted = MixedLM(z, exog, groups=table["speaker"]).fit(reml=True, method="powell")
        interval = np.asarray(fitted.conf_int())
    except (np.linalg.LinAlgError, ValueError) as error:
        raise ArticulensError(f"the mixed model cannot be fitted ({error}); leave out a factor.") from error
    rows: list[dict[str, Any]] = []
    for i, (name, level) in enumerate(terms, 1):
        # Where the factor is at its reference and all else as it was: there a step in z is turned into one in r.
        own = [j for j, (other, _) in enumerate(terms, 1) if other == name]
        base = float((exog @ fitted.fe_params - exog[:, own] @ np.asarray(fitted.fe_params)[own]).mean())
        step = lambda change, base=base: float(np.tanh(base + change) - np.tanh(base))  # noqa: E731
        rows.append(
            {
                "factor": name,
                "level": level,
                "against": _reference(table, name, fixed[name]),
                "difference": step(fitted.fe_params[i]),
                "low": step(interval[i, 0]),
                "high": step(interval[i, 1]),
                "z": float(fitted.fe_params[i]),
                "p": float(fitted.pvalues[i]),
                "speakers": table["speaker"].nunique(),
                "observations": len(table),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _reference(table: pd.DataFrame, name: str, wanted: str) -> str:
    """Return the wanted level where it occurs, else the first."""
    levels = [str(level) for level in pd.unique(table[name])]
    return wanted if wanted in levels else levels[0]
