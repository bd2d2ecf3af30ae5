"""Chapter 09 with other parameters than its own, and on corpora that lack what it asks for."""

import re

import pandas as pd
import pytest

from articulens.corpora import open_corpus
from articulens.corpora.convert import convert

STEM = "09_weigh_layers_by_task"
QUICK = {
    "models": ["mfcc", "tiny-ecapa"], "controls": ["logmel"], "focus": ["mfcc", "tiny-ecapa"], "speech": ["mfcc"],
    "per_speaker": 2, "passes": 2, "seeds": [0], "device": "cpu",
}  # fmt: skip
FEW = ["FIN02", "FIN03", "FIN04", "RUS02", "RUS03", "RUS04"]
pytestmark = pytest.mark.slow


def test_what_is_said_is_in_the_tables(run_page, tmp_path):
    page = run_page(STEM, **QUICK, speakers=FEW, tasks=["PR", "SID"], results=str(tmp_path))
    told = "\n".join(line for line in page.text.splitlines() if not line.startswith("Not shown: "))
    assert not re.search(r"tiny-(multi|ssl|english)|dino", told + page.alts), "a name that was not asked for"
    assert len(page.figures) >= page.promised and "mfcc" in page.alts
    table = pd.read_parquet(tmp_path / f"{STEM}.parquet")
    assert set(table["model"]) == {"mfcc", "tiny-ecapa", "logmel"} and set(table["task"]) == {"PR", "SID"}
    assert set(table.loc[table["model"] == "logmel", "variant"]) == {"weighted sum"}
    weights = pd.read_parquet(tmp_path / "09_weights.parquet")
    assert (weights.loc[weights["model"] == "mfcc", "weight"] == 1).all()
    verdicts = pd.read_parquet(tmp_path / "09_verdicts.parquet")
    assert list(verdicts["number"]) == ["S1, tasks", "S2, tasks", "S3, tasks"]
    for row in verdicts.itertuples():
        assert f"Verdict: {row.verdict}. {row.because}" in page.text
    alone = table.query("model == 'tiny-ecapa' and task == 'PR' and variant == 'one layer' and layer != 'embedding'")
    layer = alone.groupby("layer")["valid_loss"].mean().idxmin()
    (rate,) = re.findall(rf"tiny-ecapa: layer {layer}, PER (\d\.\d+);", page.text)
    assert float(rate) == pytest.approx(alone.loc[alone["layer"] == layer, "score"].mean(), abs=1e-3)
    known = page.names["of_planted"]
    assert (
        known["knows"].loc[known["contribution"].idxmax()]
        == "the class"
        != known["knows"].loc[known["weight"].idxmax()]
    )


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"speaker": "FIN02"}, "of 1 speaker(s) cannot be divided into training, validation and test"),
        ({"speaker": FEW, "task": "T1"}, "has no column 'action', which intent classification"),
    ],
    ids=["one speaker", "no commands"],
)
def test_small_corpora(selection, said, run_page, tmp_path):
    convert(open_corpus("bundled").select(**selection), tmp_path / "corpus")
    quick = QUICK | {"models": ["mfcc"], "focus": ["mfcc"], "tasks": ["SID", "IC", "LID"]}
    page = run_page(STEM, **quick, corpus=f"tabular:{tmp_path / 'corpus'}", results=str(tmp_path))
    assert said in page.text and len(page.figures) >= page.promised
    assert page.text.count("Verdict: not shown") >= 1
