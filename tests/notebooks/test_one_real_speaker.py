"""The audit on six sweeps of one real speaker, where they lie beside the project (github.com/fjohan/artpros)."""

from pathlib import Path

import pandas as pd
import pytest

from articulens.publishing import run_notebooks

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "ag501-ascii-artpros"


@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the artpros recordings are not beside the project")
def test_zero_padding_and_least_squares_hurt_and_what_needs_speakers_is_named(tmp_path):
    given = {
        "corpus": f"artpros:{RECORDINGS}", "model": "logmel+6", "device": "cpu", "cache": str(tmp_path / "cache"),
        "results": str(tmp_path / "results"),
    }  # fmt: skip
    (run,) = run_notebooks(["06_audit_the_protocol"], given, out=tmp_path)
    assert "Not shown: unknown speaker" in run.output.read_text(encoding="utf-8")
    scores = pd.read_csv(tmp_path / "results" / "06_audit_the_protocol.csv")
    r = scores[scores["target"] == "measured"].pivot(index="step", columns="quoted", values="r")["mean at chosen layer"]
    # The lips' x lies 120 mm from the origin: padding with zeros spoils it, and z-scores by file do not mend that.
    assert r["exact resampling"] > r["z-scores of training speakers"] + 0.1
    assert r["ridge"] > r["speech only"] + 0.2  # 1,040 features and 17 s of training speech
    assert r["published pipeline"] > r["held-out sentences"]
