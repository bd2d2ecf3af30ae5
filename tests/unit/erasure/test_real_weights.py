"""The erasure path on weights and a mouth that learned from, and moved for, real speech, where both lie beside."""

from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.erasure import gather
from articulens.erasure.experiment import Plan, erase
from articulens.erasure.heads import open_heads
from articulens.erasure.judging import beyond, shares

SHARED = Path(__file__).parents[4] / "shared"
RECORDINGS = SHARED / "recordings" / "ag501-ascii-artpros"
WHISPER = SHARED / "weights" / "whisper-tiny.en-encoder"

pytestmark = [
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the artpros recordings are not beside the project"),
    pytest.mark.skipif(not WHISPER.is_dir(), reason="the Whisper weights are not beside the project"),
]


def test_whisper_without_its_decoder_is_judged_by_phones_and_units():
    corpus, encoder = (
        open_corpus(f"artpros:{RECORDINGS}"),
        open_encoder(str(WHISPER), device="cpu", layers=["3", "final"]),
    )
    corpus = corpus.select(id=[u.id for u in corpus.utterances[:3]])  # each costs half a minute of silence to pad it
    assert open_heads(str(WHISPER), encoder, corpus) == []  # the decoder in that folder is a dummy: no text, no KL
    concepts = gather(corpus, encoder, by="id")
    assert "phones" in concepts.names and "speaker" not in concepts.names
    plan = Plan(["3"], [("articulation", 10)], draws=1)
    damage, residual = erase(corpus, encoder, concepts, plan, [], folds=2, by="id", units=30)
    assert set(damage["measure"]) == {"phones", "units"}
    assert set(damage.loc[damage["measure"] == "phones", "read_at"]) == {"3", "final"}
    left = residual[residual["concept"] == "articulation"].groupby("probe")["r"].mean()
    before = residual[residual["method"] == "none"].groupby("probe")["r"].mean()
    assert left["refit, training"] <= 0.02
    # From one or two recordings a subspace of 384 dimensions is found roughly: much is left in others, and said.
    assert left["refit, held out"] < before["refit, held out"] - 0.1
    table = shares(damage)
    excess = beyond(table[(table["measure"] == "phones") & (table["read_at"] == "final")], "articulation", "random")
    print("phones", excess["excess"].mean(), "residual", left.to_dict(), "before", before.to_dict())
    assert np.isfinite(excess["excess"]).all()
