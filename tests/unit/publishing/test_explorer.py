"""The explorer's numbers are those of the tables, and of nothing else."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from articulens.errors import ArticulensError
from articulens.evaluation.inference import summarise
from articulens.evaluation.scores import write_scores
from articulens.publishing.explorer import TABLES, explorer_html, first_choice, pack, read_tables

SPEAKERS = [f"S{i}" for i in range(5)]


def table(model, layers, protocol="loso_sentence", seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {"model": model, "layer": layer, "protocol": protocol, "target": "measured", "speaker": speaker,
         "language": "all", "sensor": sensor, "axis": axis, "corpus": "toy <synthetic>", "r": round(rng.uniform(), 4)}
        for layer in layers for speaker in SPEAKERS for sensor in ("TT", "LL") for axis in "xz"
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def results(tmp_path):
    a, b = table("a", ["0", "1", "final"]), table("b", ["0"], seed=1)
    one_language = a.assign(language="fi", r=0.0)
    for name, part in zip(
        TABLES, [pd.concat([a, b, one_language]), a, table("a", ["0", "1"], "sentence", 2)], strict=True
    ):
        write_scores(part, tmp_path / f"{name}.parquet")
    return tmp_path


def test_every_number_is_found_again(results):
    scores = read_tables(results)
    packed = pack(scores)
    assert len(scores) == sum(np.asarray(s["r"]).size for s in packed["series"])
    for _, row in scores.iterrows():
        one = next(s for s in packed["series"] if (s["model"], s["protocol"]) == (row["model"], row["protocol"]))
        layer, channel = one["layers"].index(row["layer"]), packed["channels"].index(row["channel"])
        assert one["r"][layer][channel][packed["speakers"].index(row["speaker"])] == round(1000 * row["r"])


def test_means_and_intervals_are_over_speakers(results):
    scores = read_tables(results)
    packed = pack(scores)
    for channel, rows in [("all", scores), *scores.groupby("channel")]:
        for row in summarise(rows, ["model", "protocol", "layer"]).itertuples():
            one = next(s for s in packed["series"] if (s["model"], s["protocol"]) == (row.model, row.protocol))
            place = [*packed["channels"], "all"].index(channel)
            found = one["means"][one["layers"].index(row.layer)][place]
            assert found == pytest.approx([1000 * row.mean, 1000 * row.low, 1000 * row.high], abs=0.5)


def test_what_is_absent_is_none_and_few_speakers_have_no_interval(results):
    scores = read_tables(results)
    few = pack(scores[scores["speaker"].isin(SPEAKERS[:2])])
    assert few["series"][0]["means"][0][0][1:] == [None, None]
    gap = scores.drop(scores[(scores["model"] == "b") & (scores["speaker"] == "S3")].index)
    (b,) = [s for s in pack(gap)["series"] if s["model"] == "b"]
    assert all(channel[3] is None and channel[2] is not None for channel in b["r"][0])


def test_the_page_opens_with_the_model_of_most_protocols(results):
    assert first_choice(read_tables(results)) == ("a", "loso_sentence")
    html, figure = explorer_html(results, "../_static")
    assert figure.startswith(b"\x89PNG")
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html).group(1))
    assert data["corpus"] == "toy <synthetic>"
    assert "<synthetic>" not in html, "what comes from a table is no markup"
    assert html.count("<tr>") == 1 + 3
    assert "@" not in html


def test_tables_of_different_runs_are_told_apart(results):
    other = table("a", ["0", "1", "final"])
    write_scores(other.assign(r=other["r"] + 0.01), results / f"{TABLES[1]}.parquet")
    with pytest.raises(ArticulensError, match="disagree about r of a, loso_sentence, measured"):
        read_tables(results)
    (results / f"{TABLES[2]}.parquet").unlink()
    with pytest.raises(ArticulensError, match=TABLES[2]):
        read_tables(results)
