"""Model cards: what a model is, what it heard, how it was made, what it can and cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from articulens.encoders.ecapa import MODEL_TYPE
from articulens.files import atomic_write, replace_between
from articulens.pretraining.saving import read_facts

_LANGUAGES = {
    "en": "English", "fi": "Finnish", "ru": "Russian", "de": "German", "es": "Spanish", "fr": "French",
    "it": "Italian", "sv": "Swedish", "tr": "Turkish",
}  # fmt: skip
_SOURCES = {
    "human": "human read speech, part of LibriSpeech train-clean-100 and test-other (Panayotov et al. 2015)",
    "synthetic": "articulatory synthesis by this project's generator, other speakers and sentences than data/bundled",
    "espeak": "espeak-ng formant voices reading sentences written for this project",
}
_OBJECTIVES = {
    "distillation": "linear regression of teacher states (smooth L1)",
    "masked": "masked prediction of clusters",
    "ctc": "CTC on phones",
    "speaker": "telling the voice from the embedding (additive angular margin softmax)",
    "dino": "self-distillation between two excerpts of a voice (DINO)",
}


def write_card(folder: Path, evaluation: pd.DataFrame | None = None) -> Path:
    """Write ``README.md`` of a model folder from its ``training.json`` and the table of `evaluate.report`."""
    facts = read_facts(folder)
    with atomic_write(folder / "README.md", "w") as stream:
        stream.write(card(facts, evaluation))
    return folder / "README.md"


MARKS = "<!-- measured: articulens models evaluate -->", "<!-- end of what was measured -->"


def write_overview(path: Path, names: Sequence[str], evaluation: pd.DataFrame) -> None:
    """Put the table of all models, from the table of `evaluate.report`, between the marks of a README."""
    replace_between(path, *MARKS, overview(names, evaluation))


def overview(names: Sequence[str], table: pd.DataFrame) -> str:
    """Return one Markdown row a model: its best layer on the corpus, on the real speaker, on phones; and the rest."""

    def best(measure: str, model: str) -> str:
        rows = table[(table["measure"] == measure) & (table["model"] == model)]
        if rows.empty:
            return "–"
        row = rows.iloc[int(rows["mean"].argmax())]
        text = f"{row['mean']:.3f}" + (f" (layer {row['layer']})" if len(rows) > 1 else "")
        above = table[(table["measure"] == f"{measure} above") & (table["model"] == model)]
        above = above[above["against"] == "logmel+6"]
        if above.empty:
            return text
        gap = above.iloc[0]
        sure = "" if pd.isna(gap["low"]) else f" [{gap['low']:+.3f}, {gap['high']:+.3f}]"
        return f"{text}, {gap['mean']:+.3f}{sure}"

    measures = ("articulation", "real articulation", "phones")
    twins = [f"{name}@random" for name in names if name == names[0] or name == "tiny-ssl"]
    lines = [
        "| | `data/bundled` (synthetic), speaker and sentence unseen | one real speaker | phones |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{model}` | {' | '.join(best(measure, model) for measure in measures)} |"
        for model in ("logmel", "logmel+6", *names, *twins)
    ]
    for row in table[table["measure"].str.startswith("phone error rate")].itertuples():
        sure = f"{row.mean:.2f} [{row.low:.2f}, {row.high:.2f}]"
        lines.append(f"\n`{row.model}`, greedy phone error rate on unseen native speakers of the corpus: {sure}.")
    for measure, kind in (("equal error rate", "synthetic"), ("equal error rate, human", "human")):
        for row in table[table["measure"] == measure].itertuples():
            of = f"`{row.model}` ({row.layer}), equal error rate on {row.speakers:.0f} unheard {kind} voices"
            lines.append(f"\n{of}: {row.mean:.3f} [{row.low:.3f}, {row.high:.3f}].")
    taken, fast = (
        table.loc[table["measure"] == name, "mean"].iloc[0] for name in ("extraction seconds", "times real time")
    )
    lines.append(f"\nAll layers over the whole corpus in {taken:.0f} s on two cores, {fast:.0f} times real time.")
    return "\n".join(lines)


def card(facts: dict[str, Any], evaluation: pd.DataFrame | None = None) -> str:
    """Return the card as Markdown."""
    config, name = facts["config"], facts["name"]
    parts = [f"# {name}", config["summary"], _made(facts), _heard(facts), _stages(facts)]
    if evaluation is not None:
        parts.append(_numbers(name, evaluation))
    parts += [_use(facts), _licences(facts), _hashes(facts)]
    return "\n\n".join(parts) + "\n"


def _made(facts: dict[str, Any]) -> str:
    config = facts["config"]
    architecture = config["architecture"]
    base = (
        f"`{facts['base']['name']}` (SHA-256 {facts['base']['sha256'][:12]}…; its own training comes on top)"
        if facts["base"]
        else ""
    )
    if _is_speaker(facts):
        shape = (
            f"ECAPA-TDNN (SpeechBrain's), a convolution and {len(architecture['channels']) - 2} SE-Res2 blocks of "
            f"width {architecture['channels'][0]}, aggregation of {architecture['channels'][-1]}, embedding of "
            f"{architecture['lin_neurons']}, {facts['parameters'] / 1e6:.2f} M parameters; 16 kHz in, "
            f"{architecture['input_size']} log-mel bands every 10 ms without their mean over the recording."
        )
    else:
        shape = (
            f"HuBERT, {architecture['num_hidden_layers']} blocks of width {architecture['hidden_size']}, convolutions "
            f"of {architecture['conv_dim'][0]} to {architecture['conv_dim'][-1]} channels, "
            f"{facts['parameters'] / 1e6:.2f} M parameters; 16 kHz in, 50 frames a second (fields of 400, hops of 320 "
            "samples); input of zero mean and unit variance."
        )
    lines = [
        f"* Architecture: {shape}",
        f"* Starts from: {base or 'random weights'}. Seed {config['seed']}.",
        f"* Trained in {facts['seconds']:.0f} s of wall time on one thread of a shared {facts['hardware']}, "
        f"precision {config['dtype']}, torch.compile {'on' if config['compile'] else 'off'}; torch "
        f"{facts['versions']['torch']}, transformers {facts['versions']['transformers']}.",
        f"* Made again by `articulens models train {facts['name']}`; the configuration is in the package.",
    ]
    return "\n".join(lines)


def _heard(facts: dict[str, Any]) -> str:
    lines = [
        "## What it heard\n",
        "| speech | language | hours | share of batches | speakers or voices |",
        "|---|---|---|---|---|",
    ]
    for row in facts["speech"]:
        # Speaker models leave the other part to be tested on.
        source = _SOURCES[row["source"]].replace(" and test-other", "" if _is_speaker(facts) else " and test-other")
        lines.append(
            f"| {source} | {_LANGUAGES[row['language']]} | {row['hours']:.2f} | {row['weight']:.2f} | "
            f"{row['speakers']} |"
        )
    return "\n".join(lines)


def _stages(facts: dict[str, Any]) -> str:
    lines = ["## How it was trained\n"]
    for number, stage in enumerate(facts["config"]["stages"], 1):
        text = f"{number}. {_OBJECTIVES[stage['objective']]}"
        if stage["objective"] == "distillation":
            pairs = ", ".join(f"state {theirs} from own state {own}" for own, theirs in stage["match"].items())
            text += f" of {facts['config']['teacher']}: {pairs}"
        elif stage["objective"] == "masked":
            own = stage["cluster_layer"]
            source = "MFCCs with deltas" if own == "mfcc" else f"its own state {own} at the beginning of this stage"
            text += f": {stage['clusters']} clusters of {source}; weight of unmasked frames {stage['unmasked']}"
        elif _is_speaker(facts):
            speeds = ", ".join(f"{speed:g}" for speed in stage["speeds"])
            text += f"; each speaker at the speeds {speeds} is a voice; white noise of up to {stage['noise']:g}"
            if stage["objective"] == "dino":
                text += f"; {stage['prototypes']} prototypes, teacher momentum {stage['momentum']:g}"
        frozen = ", convolutions frozen" if stage["frozen_front_end"] else ""
        lines.append(
            f"{text}. {stage['steps']} steps of {stage['batch']} × {stage['seconds']:g} s, AdamW, peak learning rate "
            f"{stage['learning_rate']:g}, one warm-up and half a cosine{frozen}."
        )
    columns = [key for key in dict.fromkeys(k for row in facts["curve"] for k in row) if key not in ("stage", "step")]
    lines += ["", f"| stage | step | {' | '.join(columns)} |", "|" + "---|" * (2 + len(columns))]
    curve = facts["curve"]
    stride = max(1, len(curve) // 12)
    for row in [*curve[:-1:stride], curve[-1]]:
        values = " | ".join(f"{row[column]:.3f}" if column in row else "" for column in columns)
        lines.append(f"| {row['stage']} | {row['step']} | {values} |")
    lines.append("\nMeans over the steps since the point before; all points are in `training.json`.")
    return "\n".join(lines)


def _numbers(name: str, table: pd.DataFrame) -> str:
    def value(row: pd.Series) -> str:
        sure = "" if pd.isna(row["low"]) else f" ({row['low']:.3f} to {row['high']:.3f})"
        return f"{row['mean']:.3f}{sure}"

    lines = [
        "## What it learned\n",
        "95 % intervals over speakers. Articulation: Pearson's r, mean of ten channels; on `data/bundled` neither "
        "speaker nor sentence of the test is in the probe's training; the real recordings are one person "
        "(leave one recording out), so there is no interval. The best layer is chosen on these very numbers.\n",
        "| measure | model | layer | value |",
        "|---|---|---|---|",
    ]
    own = table.loc[table["model"] == name, "measure"]
    if own.str.startswith("equal error rate").any():
        lines[1] = lines[1].rstrip("\n") + (
            " Equal error rate: pairs of recordings of two sentences in one language, of voices that no model has "
            "heard, by the cosine of their embeddings; for log-mel, of mean and spread over the recording.\n"
        )
    shown = table[table["model"].isin([name, f"{name}@random", "logmel", "logmel+6"]) & table["measure"].isin(own)]
    for _, row in shown.iterrows():
        if row["measure"].endswith("above"):
            if row["model"] == name:
                lines.append(f"| {row['measure']} {row['against']} | {name} | {row['layer']} | {value(row)} |")
        else:
            lines.append(f"| {row['measure']} | {row['model']} | {row['layer']} | {value(row)} |")
    return "\n".join(lines)


def _use(facts: dict[str, Any]) -> str:
    if _is_speaker(facts):
        return _use_of_a_speaker_model(facts)
    teacher = any(stage["objective"] == "distillation" for stage in facts["config"]["stages"]) or facts["base"]
    kind = (
        "It learned from a teacher that was trained on transcribed human speech: it is *not* a self-supervised model."
        if teacher
        else "No teacher, no text, no label: a purely self-supervised model, and a weak one, from little speech."
    )
    return (
        "## Use and limits\n\nFor learning, testing and demonstrating how speech encoders are probed, on a laptop. Not "
        f"for recognising speech, and not evidence about large models. {kind} The English is read, from few hours; "
        "Finnish, Russian and other languages are synthetic voices only, so familiarity with a language here means "
        "familiarity with such voices.\n\n"
        f'```python\nfrom articulens.encoders import open_encoder\n\nstates = open_encoder("{facts["name"]}")'
        f'.encode(samples, rate_hz)\n```\n\nor `AutoModel.from_pretrained("data/models/{facts["name"]}")` of '
        "transformers."
    )


def _use_of_a_speaker_model(facts: dict[str, Any]) -> str:
    labels = any(stage["objective"] == "speaker" for stage in facts["config"]["stages"])
    kind = (
        "It learned from labels of who speaks."
        if labels
        else "It predicted no label of a speaker; that two excerpts are of one voice was known from the recording, "
        "and for made voices from their name."
    )
    return (
        "## Use and limits\n\nFor learning and demonstrating how speaker models differ from speech models, on a "
        "laptop. Not for recognising or verifying people: it has heard few voices, for minutes, and each human one in "
        f"a single recording, so it may have learned microphones and rooms with them. {kind} Finnish, Russian and the "
        "other languages are made voices only.\n\n"
        f"```python\nfrom articulens.encoders import open_encoder  # needs the extra [speaker]\n\n"
        f'states = open_encoder("{facts["name"]}").encode(samples, rate_hz)\nembedding = states["embedding"][0]\n```'
        "\n\nThe weights are those of SpeechBrain's `ECAPA_TDNN` under its own names."
    )


def _is_speaker(facts: dict[str, Any]) -> bool:
    return bool(facts["config"]["architecture"].get("model_type") == MODEL_TYPE)


def _licences(facts: dict[str, Any]) -> str:
    lines = ["## Licences\n", "* These weights: MIT, like the project's code."]
    if any(stage["objective"] == "distillation" for stage in facts["config"]["stages"]) or facts["base"]:
        lines.append("* Teacher: the encoder of OpenAI Whisper tiny.en (Radford et al. 2022), MIT.")
    if facts["base"] or any(row["source"] == "human" for row in facts["speech"]):
        lines.append("* LibriSpeech: Panayotov, Chen, Povey and Khudanpur 2015, CC BY 4.0. No audio is included.")
    if any(row["source"] == "espeak" for row in facts["speech"]):
        lines.append("* espeak-ng (GPL-3.0) was run to make speech; nothing of it is included.")
    if any(row["source"] == "synthetic" for row in facts["speech"]):
        lines.append("* Synthetic speech: this project's; its synthesiser is VocalTractLab (GPL-3.0), not included.")
    return "\n".join(lines)


def _hashes(facts: dict[str, Any]) -> str:
    lines = ["## Files\n", *(f"* `{name}` SHA-256 `{sha256}`" for name, sha256 in facts["sha256"].items())]
    return "\n".join([*lines, "\nStored in half precision and read as float32."])
