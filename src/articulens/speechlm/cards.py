"""Cards of the bundled speech–text models, from what `training` wrote about each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from articulens.files import atomic_write

_LANGUAGES = {"en": "English", "fi": "Finnish", "ru": "Russian"}
_SOURCES = {
    "espeak": "espeak-ng formant voices reading sentences of small grammars",
    "synthetic": "articulatory synthesis by this project's generator, other speakers and sentences than data/bundled",
}
_KINDS = {
    "text": "text only",
    "speech": "units only",
    "interleaved": "units and text by turns",
}


def write_lm_card(folder: Path) -> Path:
    """Write ``README.md`` of a model folder from its ``training.json``."""
    facts = json.loads((folder / "training.json").read_text("utf-8"))
    with atomic_write(folder / "README.md", "w") as stream:
        stream.write(lm_card(facts))
    return folder / "README.md"


def lm_card(facts: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    recipe = facts["recipe"]
    parts = [
        f"# {facts['name']}",
        recipe["summary"],
        _made(facts),
        _heard(facts),
        _curve(facts),
        _read(facts),
        _use(facts),
    ]
    return "\n\n".join(parts) + "\n"


def _made(facts: dict[str, Any]) -> str:
    recipe, base = facts["recipe"], facts["base"]
    begins = f"`{base['name']}` (SHA-256 {base['sha256'][:12]}…)" if base else "random weights"
    shares = {kind: share / sum(recipe["mix"].values()) for kind, share in recipe["mix"].items()}
    documents = ", ".join(f"{share:.0%} {_KINDS[kind]}" for kind, share in shares.items())
    lines = [
        f"* Architecture: Llama, {recipe['num_hidden_layers']} blocks of width {recipe['hidden_size']}, tied "
        f"embeddings, {facts['parameters'] / 1e6:.2f} M parameters.",
        f"* Units: {recipe['n_units']} k-means clusters of `{facts['units']['encoder']}`, layer "
        f"{facts['units']['layer']}, equal neighbours merged; the codebook is in this folder.",
        "* Tokens: the words of the training sentences, letters for all other words, units, `<speech>` and `<text>`.",
        f"* Begins as: {begins}. Seed {recipe['seed']}.",
        f"* Documents: {documents}; {recipe['sentences']} sentences each, which often share words. A word is written "
        "as units or as text, never as both, and no sentence is said twice in a document: nothing was ever "
        "transcribed. But sentences of a document may differ in one word only, which is the strongest hint that such a "
        "corpus can give.",
        f"* Training: {recipe['steps']} steps of {recipe['batch']} × {recipe['length']} tokens "
        f"({facts['tokens_drawn'] / 1e6:.1f} M), AdamW, peak learning rate {recipe['learning_rate']:g}, one "
        f"warm-up and half a cosine; a text token weighs {recipe['text_weight']:g} times a unit. "
        f"{facts['seconds']:.0f} s of wall time on one thread of a shared {facts['hardware']}; "
        f"torch {facts['versions']['torch']}, transformers {facts['versions']['transformers']}. "
        "The weights are those of the last step.",
        f"* Made again by `articulens models train-lm {facts['name']} --recordings FOLDER`; the recipe is in the "
        "package.",
    ]
    return "\n".join(lines)


def _heard(facts: dict[str, Any]) -> str:
    lines = ["## What there was to hear\n", "| speech | language | minutes | voices | words |", "|---|---|---|---|---|"]
    lines += [
        f"| {_SOURCES[row['source']]} | {_LANGUAGES[row['language']]} | {row['minutes']:.0f} | {row['voices']} | "
        f"{row['words']} |"
        for row in facts["speech"]
    ]
    lines.append(
        f"\n{facts['held_out_recordings']} of these recordings, those of a tenth of the sentences, are held "
        "out: neither their text nor their speech is in training. Of the documents "
        + ", ".join(f"{share:.0%} are {_LANGUAGES[language]}" for language, share in facts["languages"].items())
        + "."
    )
    if facts["recipe"]["mix"].keys() == {"text"}:
        lines.append("This model heard none of it; it read the sentences.")
    return "\n".join(lines)


def _curve(facts: dict[str, Any]) -> str:
    columns = [key for key in facts["curve"][0] if key != "step"]
    lines = [
        "## How it was trained\n",
        "Loss in nats: of training (all tokens compete), and on held-out documents of each kind, whatever the "
        "model was trained on (units compete with units, text with text).\n",
        f"| step | {' | '.join(columns)} |",
        "|" + "---|" * (1 + len(columns)),
    ]
    curve = facts["curve"]
    stride = max(1, len(curve) // 8)
    for row in [*curve[:-1:stride], curve[-1]]:
        lines.append(f"| {row['step']} | {' | '.join(f'{row[column]:.3f}' for column in columns)} |")
    return "\n".join(lines)


def _read(facts: dict[str, Any]) -> str:
    rows = [row for row in facts["held_out"]["lens"] if row["k"] == 10]
    layers, targets = (list(dict.fromkeys(row[key] for row in rows)) for key in ("layer", "target"))
    hit = {(row["layer"], row["target"]): f"{row['hit']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" for row in rows}
    lines = [
        "## What its layers say on held-out speech\n",
        f"Share of the words (those that are one token) of {rows[0]['utterances']} held-out recordings that are among "
        "the ten best text tokens at any of their units, and the same for other words; 95 % intervals over "
        "recordings.\n",
        f"| layer | {' | '.join(targets)} |",
        "|" + "---|" * (1 + len(targets)),
        *(f"| {layer} | {' | '.join(hit.get((layer, target), '') for target in targets)} |" for layer in layers),
        "\nLead of the spoken over the random word, intervals for all layers together: "
        + "; ".join(
            f"layer {row['layer']} {row['mean']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
            for row in facts["held_out"]["lead"]
        )
        + ".",
        "\nLoss of the second half of each, as text, in nats a token: "
        + "; ".join(
            f"after {row['context']} {row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            for row in facts["held_out"]["text"]
        )
        + ".",
    ]
    return "\n".join(lines)


def _use(facts: dict[str, Any]) -> str:
    return f"""## Use and limits

For learning, testing and demonstrating how a lens is held to a speech–text model, on a laptop. \
A few hundred words, synthetic voices, sentences from grammars of some dozen lines: not evidence about large models, \
and no use as a recogniser or synthesiser.

```python
from articulens.speechlm import open_speech_lm, load_codebook

lm = open_speech_lm("data/models/{facts["name"]}")
codebook = load_codebook("data/models/{facts["name"]}")
```

## Licences

* These weights: MIT, like the project's code.
* espeak-ng (GPL-3.0) was run to make speech; nothing of it is included.
* Synthetic speech: this project's; its synthesiser is VocalTractLab (GPL-3.0), not included.
* The encoder of the units was distilled from Whisper tiny.en (MIT) on LibriSpeech (CC BY 4.0) and synthetic speech.

## Files

* `model.safetensors` SHA-256 `{facts["sha256"]["model.safetensors"]}`

Stored in half precision and read as float32."""
