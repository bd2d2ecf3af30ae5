"""Who reads what: the design of the corpus.

Every speaker reads word lists (T1), sentences and commands (T2) and spontaneous-like turns (T3) in the first
language, in the second language, and in the first language with an imitated accent of the second. The texts of
the accent condition are some of those that the same speaker read in L1. Speakers start at different places of the
same lists, so every text is read by several speakers and no speaker reads them all: a test can leave out a
speaker and a text at once.
"""

from __future__ import annotations

import zlib

import numpy as np

from articulens.errors import ArticulensError
from articulens.synthesis.anatomy import OTHER, Speaker
from articulens.synthesis.render import Prompt
from articulens.synthesis.texts import Text, texts

CONDITIONS = ("L1", "L2", "accent")
SECONDS_PER_UTTERANCE = 2.2  # a rule of thumb, for planning
_ALPHA_SD = 0.08
# Texts per speaker: (L1, L2, accent) for each kind.
_SHORT = {"list": (2, 2, 1), "sent": (2, 2, 1), "cmd": (1, 1, 1), "spon": (1, 1, 1)}
_LONG = {"list": (8, 6, 4), "sent": (24, 16, 8), "cmd": (6, 4, 2), "spon": (8, 6, 4)}
LONG_SPEAKERS = ("FIN01", "RUS01")


def design(speaker: Speaker, seconds: float | None = None) -> tuple[Prompt, ...]:
    """Return what a speaker says, in reading order.

    Parameters
    ----------
    speaker
        Who.
    seconds
        About how much speech; None for the layout of the bundled corpus (two speakers with more than three
        minutes each, the others with about half a minute).
    """
    if seconds is None:
        counts = _LONG if speaker.id in LONG_SPEAKERS else _SHORT
    else:
        if not 0 < seconds < 1e6:
            raise ArticulensError(f"{seconds:g} seconds a speaker cannot be planned; use a number above 0.")
        counts = _scaled(seconds / SECONDS_PER_UTTERANCE)
    prompts = []
    for condition in CONDITIONS:
        for kind, numbers in counts.items():
            prompts += _read(speaker, condition, kind, numbers[CONDITIONS.index(condition)])
    return tuple(prompts)


def _scaled(utterances: float) -> dict[str, tuple[int, int, int]]:
    """Return the short layout scaled to a number of utterances; at least one text of each kind in L1."""
    factor = utterances / sum(map(sum, _SHORT.values()))
    rounded = {k: [max(int(c == 0), round(n * factor)) for c, n in enumerate(v)] for k, v in _SHORT.items()}
    return {kind: (numbers[0], numbers[1], numbers[2]) for kind, numbers in rounded.items()}


def _read(speaker: Speaker, condition: str, kind: str, count: int) -> list[Prompt]:
    language = OTHER[speaker.l1] if condition == "L2" else speaker.l1
    pool = texts(language)[kind]
    # Two fifths of the pool between neighbours: successive speakers share few texts, distant ones share some.
    start = round(speaker.index * 0.382 * len(pool)) % len(pool)
    prompts = []
    for k in range(count):
        text, again = pool[(start + k) % len(pool)], k // len(pool)
        name = f"{speaker.id}_{condition}_{text.id}" + (f"_r{again + 1}" if again else "")
        prompts.append(_prompt(speaker, condition, text, name))
    return prompts


def _prompt(speaker: Speaker, condition: str, text: Text, name: str) -> Prompt:
    alpha = 0.0
    if condition != "L1":
        rng = np.random.default_rng([speaker.seed, 3, speaker.index, zlib.crc32(name.encode())])
        mean = speaker.alpha_l2 if condition == "L2" else speaker.alpha_accent
        alpha = round(float(np.clip(mean + _ALPHA_SD * rng.normal(), 0.05, 1.0)), 3)
    return Prompt(name, text.text, text.language, condition, text.task, text.id, alpha, dict(text.intent))
