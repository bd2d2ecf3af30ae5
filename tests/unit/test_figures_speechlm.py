"""Figures of the lens say in words what they draw."""

import pandas as pd

from articulens.figures_speechlm import (
    effect_curves,
    hit_curves,
    lens_picture,
    loss_dots,
    mass_curves,
    top_words,
    training_curves,
)


def test_the_picture_shows_where_words_are_read():
    said = [("a", 0.0, 0.1), ("a", 0.1, 0.2), ("", 0.2, 0.3), ("b", 0.3, 0.4), ("a", 0.4, 0.6)]
    rows = []
    for layer, tokens in (
        ("0", ["x", "x", "x", "x", "x"]),
        ("1", ["a", "x", "b", "b", "a"]),
        ("2", ["b", "b", "a", "a", "c"]),
    ):
        for position, ((word, start, end), token) in enumerate(zip(said, tokens, strict=True)):
            rows += [
                {"layer": layer, "position": position, "start_s": start, "end_s": end, "word": word, "token": t, "p": p}
                for t, p in ((f" {token}", 0.6), ("y", 0.1))
            ]
    words = top_words(pd.DataFrame(rows))
    assert len(words) == 9  # the same word twice is two words
    first = words[(words["layer"] == "1") & (words["number"] == words["number"].min())].iloc[0]
    assert (first["word"], first["start_s"], first["end_s"]) == ("a", 0.0, 0.2)
    assert first["p"] == 0.3
    alt = lens_picture(words, title="A picture").alt
    assert "during the 3 words a b a" in alt
    assert "Layer 0: 0 of them are the word itself, 0 the next one" in alt
    assert "Layer 2: 0 of them are the word itself, 2 the next one" in alt


def test_curves_have_their_ends_in_words():
    hits = pd.DataFrame(
        {"layer": ["0", "1"], "target": "spoken", "k": 10, "hit": [0.1, 0.5], "low": [0.0, 0.4], "high": [0.2, 0.6]}
    )
    across = pd.DataFrame({"control": ["commonest"], "k": [10], "hit": [0.2], "low": [0.1], "high": [0.3]})
    figure = hit_curves(hits, compare="target", k=10, across=across, published={"paper": 0.77})
    assert "highest 0.50 at 1" in figure.alt
    assert "commonest across: 0.20" in figure.alt
    assert "Published, paper: 0.77" in figure.alt
    assert "nothing to show" in hit_curves(hits, compare="target", k=5, title="x").alt

    masses = hits.rename(columns={"hit": "mean"}).assign(measure="text")
    bounds = pd.DataFrame(
        {
            "boundary": ["transcription begins", "speech returns"],
            "layer": ["1", ""],
            "low": ["0", ""],
            "high": ["1", ""],
        }
    )
    alt = mass_curves(masses, bounds).alt
    assert "transcription begins at layer 1" in alt
    assert "speech returns" not in alt

    effects = masses.assign(contrast="word - nothing", measure="unit_loss")
    assert "highest 0.50 at 1" in effect_curves(effects, {"unit_loss": "next unit"}).alt
    curve = pd.DataFrame({"step": [1, 2], "text": [2.0, 1.0]})
    assert "m 2.00 to 1.00" in training_curves({"m": curve}, ["text"]).alt
    dots = pd.DataFrame({"context": ["speech"], "model": ["m"], "mean": [1.0], "low": [0.5], "high": [1.5]})
    assert "speech, m: 1.00" in loss_dots(dots, rows="context", compare="model", label="loss").alt
