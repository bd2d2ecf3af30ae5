"""What the published chapter scored of the bundled encoders, and how it divided the bundled corpus."""

from pathlib import Path

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.tasks import SUM, answers, open_task, split
from articulens.tasks.summary import mean_interval

TABLE = Path(__file__).parents[3] / "data" / "results" / "09_weigh_layers_by_task.parquet"
APART = {"PR": "speaker", "IC": "speaker", "SID": "sentence"}


@pytest.mark.parametrize("task", APART)
def test_every_trained_encoder_is_above_chance_with_its_whole_interval(task):
    table = pd.read_parquet(TABLE)
    sums = table[(table["variant"] == SUM) & (table["norm"] == "layer") & (table["task"] == task)]
    gains = (sums["score"] - sums["chance"]) * (-1 if task == "PR" else 1)
    trained = ~sums["model"].str.endswith("@random")
    below = {
        model: mean_interval(own.to_numpy())
        for model, own in gains[trained].groupby(sums["model"])
        if not mean_interval(own.to_numpy())[0] > 0
    }
    assert sums.loc[trained, "model"].nunique() >= 9 and not below


@pytest.mark.parametrize("task", APART)
def test_the_bundled_corpus_is_divided_as_the_task_says(task):
    table = answers(open_corpus("bundled"), open_task(task))
    for seed in (0, 1):
        for parts in split(table, open_task(task), folds={"PR": 3, "SID": 8, "IC": 6}[task], seed=seed):
            tested = set(table.loc[list(parts.test), APART[task]])
            assert tested and not tested & set(table.loc[[*parts.train, *parts.valid], APART[task]])
