"""What is read: word lists (T1), sentences and commands (T2), spontaneous-like turns (T3), in both languages.

A text's `id` is its identity: readings by several speakers and in several conditions share it, so that training
and test material can be kept apart by text.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from articulens.synthesis import texts_fi, texts_ru

LANGUAGES = {"fi": texts_fi, "ru": texts_ru}
# 12 of the 27 combinations: every action, object and place four times.
_COMMANDS = [(a, o, (a + o) % 3) for a in range(3) for o in range(3)] + [(k, k, (1 - k) % 3) for k in range(3)]


@dataclass(frozen=True)
class Text:
    """One text: identity, words, task; commands also carry ``action``, ``object`` and ``place``."""

    id: str
    text: str
    language: str
    task: str
    intent: dict[str, str] = field(default_factory=dict)


@functools.cache
def texts(language: str) -> dict[str, tuple[Text, ...]]:
    """Return the texts of ``"fi"`` or ``"ru"`` by kind: ``list``, ``sent``, ``cmd``, ``spon``."""
    source = LANGUAGES[language]

    def lines(kind: str, block: str, task: str) -> tuple[Text, ...]:
        rows = block.strip().splitlines()
        return tuple(Text(f"{language}_{kind}_{k:02d}", row, language, task) for k, row in enumerate(rows, 1))

    commands = []
    for k, (a, o, p) in enumerate(_COMMANDS, 1):
        names = {"action": list(source.ACTIONS)[a], "object": list(source.OBJECTS)[o]}
        names["place"] = list(source.PLACES)[p]
        words = (source.ACTIONS[names["action"]], source.OBJECTS[names["object"]], source.PLACES[names["place"]])
        commands.append(Text(f"{language}_cmd_{k:02d}", " ".join(words) + ".", language, "T2", names))
    return {
        "list": lines("list", source.LISTS, "T1"),
        "sent": lines("sent", source.SENTENCES, "T2"),
        "cmd": tuple(commands),
        "spon": lines("spon", source.SPONTANEOUS, "T3"),
    }
