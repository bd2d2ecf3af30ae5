"""Verdicts: kept under their number, read again, and refused when a file is something else."""

import pandas as pd
import pytest

from articulens.errors import ArticulensError
from articulens.evaluation.verdicts import COLUMNS, Verdicts, read_verdicts


def test_a_chapter_can_be_read_again(tmp_path, capsys):
    verdicts = Verdicts()
    verdicts.judge("S1", "a", "holds if b", "not shown", "first run")
    verdicts.judge("S1", "a", "holds if b", "holds here", "second run")
    verdicts.judge("S2", "c", "holds if d", "not shown", "e")
    assert "Rule: holds if b" in capsys.readouterr().out
    path = verdicts.save(tmp_path / "08_verdicts.parquet")
    table = read_verdicts([path, tmp_path / "09_verdicts.parquet"])
    assert list(table.columns) == COLUMNS
    assert table.set_index("number")["verdict"].to_dict() == {"S1": "holds here", "S2": "not shown"}


def test_no_chapter_has_run(tmp_path):
    assert read_verdicts([tmp_path / "08_verdicts.parquet"]).empty


def test_another_table_or_no_table_is_refused(tmp_path):
    path = tmp_path / "08_verdicts.parquet"
    pd.DataFrame({"r": [1.0]}).to_parquet(path)
    with pytest.raises(ArticulensError, match="columns r, expected number"):
        read_verdicts([path])
    path.write_bytes(b"not parquet")
    with pytest.raises(ArticulensError, match="not a table of verdicts"):
        read_verdicts([path])
