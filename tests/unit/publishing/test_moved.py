"""The player of versions shows what the table says, with the sound of each version."""

import base64
import json
import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import soundfile

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.evaluation.scores import write_scores
from articulens.publishing.moved import FOLDER, TABLES, TRUE, moved_html, pack
from articulens.synthesis.sensors import CHANNELS
from articulens.synthesis.versions import UNTOUCHED, Versions, write_versions


@pytest.fixture(scope="module")
def spoken() -> Versions:
    rng = np.random.default_rng(0)
    sound = 0.05 * np.convolve(rng.normal(size=3 * 8000), np.hanning(9), "same").astype(np.float32)
    return Versions(
        "FIN01", "FIN01_x", (UNTOUCHED, "LL.z+2.5", "TB=0"), sound.reshape(3, -1), rng.normal(size=(3, 50, 12)),
        ((0.0, 0.1, "_"), (0.1, 0.5, "ɑ")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(spoken) -> pd.DataFrame:
    """The lips move by 2 mm, one reader reads 1 mm there, the other reads the jaw."""
    times, parts = 0.11 + 0.02 * np.arange(15), []
    before = np.random.default_rng(1).normal(size=(15, 12)).round(2)
    for version in spoken.names:
        by = np.zeros(12)
        by[CHANNELS.index("LL.z")] = 2.0 * (version == "LL.z+2.5")
        wrong = np.roll(by, 2)  # the jaw comes after the lower lip
        for reader, change in {TRUE: by, "one": by / 2, "other": wrong}.items():
            frame = pd.DataFrame(before + change, columns=CHANNELS)
            parts.append(frame.assign(speaker="FIN01", version=version, reader=reader, time_s=times))
    return pd.concat(parts, ignore_index=True)


def test_versions_readers_and_words(table, spoken):
    packed = pack(table, {"FIN01": spoken}, open_corpus("bundled"))
    assert packed["layers"] == ["one", "other"]
    assert [one["name"] for one in packed["utterances"]] == [
        "FIN01: untouched",
        "FIN01: lips 2.5 mm nearer to each other",
    ]
    untouched, moved = packed["utterances"]
    assert moved["untouched"] == 0
    change = np.reshape(moved["measured"], (-1, 12)) - np.reshape(untouched["measured"], (-1, 12))
    assert change[:, CHANNELS.index("LL.z")].tolist() == [200] * 15 and np.abs(change).sum() == 200 * 15
    assert "Truly moved most: LL, 2.0 mm. Read by one to move most: LL, 1.0 mm" in moved["told"]["one"]
    assert "Read by other to move most: JAW, 2.0 mm; at LL it reads 0.0 mm" in moved["told"]["other"]
    assert "Nothing was moved" in untouched["told"]["one"]
    heard, rate_hz = soundfile.read(BytesIO(base64.b64decode(moved["sound"].partition(",")[2])), dtype="float32")
    assert rate_hz == 16000
    np.testing.assert_allclose(heard, spoken.audio[1], atol=1 / 4000)


def test_the_page_and_its_figure(table, spoken, tmp_path):
    results = tmp_path / "results"
    cells = pd.DataFrame([
        {"model": "one", "layer": "0", "speaker": s, "moved": a, "read": b, "mm per mm": 0.3}
        for s in range(4) for a in ("TT", "LIPS") for b in ("TT", "LIPS")
    ])  # fmt: skip
    write_scores(table, results / f"{TABLES[0]}.parquet")
    write_scores(cells, results / f"{TABLES[1]}.parquet")
    with pytest.raises(ArticulensError, match="no versions were found"):
        moved_html(results, "_static")
    write_versions(tmp_path / FOLDER.rpartition("/")[2], spoken)
    html, figure = moved_html(results, "_static")
    assert figure.startswith(b"\x89PNG") and not re.search(r"@[A-Z]+@", html)
    assert json.loads(re.search(r'application/json">(.*?)</script>', html).group(1))["layer"] == "one"
    assert 'name="untouched"' in html and "mm per mm" in html
    with pytest.raises(ArticulensError, match="no versions of speaker FIN02"):
        write_scores(table.assign(speaker="FIN02"), results / f"{TABLES[0]}.parquet")
        moved_html(results, "_static")
