"""Chapter 14 gathers what the later chapters judged, and which of their rules were changed."""

import pandas as pd

from articulens.evaluation.verdicts import COLUMNS, Verdicts


def test_later_verdicts_and_changed_rules_are_gathered(run_page, tmp_path):
    verdicts = Verdicts()
    verdicts.judge("T1", "A claim", "holds if it does", "not shown", "nothing was measured")
    verdicts.save(tmp_path / "13_verdicts.parquet")
    page = run_page("14_weigh_the_claims", results=str(tmp_path), picture=str(tmp_path / "verdicts.svg"))
    assert list(pd.DataFrame(page.names["later"]).reset_index()[COLUMNS]["number"]) == ["T1"]
    told = {path.stem[:2]: found for path, found in page.names["told"].items()}
    assert set(told) == {"08", "09", "10", "11", "12", "13"}
    for chapter in ("08", "09", "10", "13"):
        assert any("changed" in text or "was made" in text for text in told[chapter]), chapter
    assert "T3 compared" in told["13"][0]
