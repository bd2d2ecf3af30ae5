"""The minimal pairs in data/pairs: whole, and what their recipe and their card say."""

import json
from itertools import product
from pathlib import Path

import pytest

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.synthesis import cohort
from articulens.synthesis.corpus import SEED
from articulens.synthesis.pairs import BASE, COLUMNS, WORDS, changes_of, make_pairs, pair_prompts
from articulens.synthesis.store import recipe_hash

ROOT = Path(__file__).parents[3] / "data" / "pairs"


def test_the_shipped_pairs_are_those_of_the_recipe():
    corpus, speakers = open_corpus(f"tabular:{ROOT}"), cohort(18, SEED)
    assert corpus.verify() == 3 * len(corpus) + 3, "sound, positions and labels; manifest, description and card"
    said = {(u.speaker, u.sentence, u.meta["changed"]): u for u in corpus}
    assert set(said) == set(product((s.id for s in speakers), WORDS, (BASE, *COLUMNS))) and len(said) == len(corpus)
    for speaker in speakers:
        for prompt in pair_prompts(speaker):
            made = json.loads(said[speaker.id, prompt.sentence, prompt.extra["changed"]].labels.read_text("utf-8"))
            assert made["recipe"] == recipe_hash(speaker, prompt, changes_of(prompt)), prompt.id
    assert all(f"*{word}*" in (ROOT / "CARD.md").read_text("utf-8") for word in WORDS)


def test_a_word_that_cannot_differ_is_refused(tmp_path):
    with pytest.raises(ArticulensError, match="word 'kukka': there is no y or ø in it"):
        make_pairs(tmp_path, words=["tyyli", "kukka"])
    assert not list(tmp_path.iterdir())
