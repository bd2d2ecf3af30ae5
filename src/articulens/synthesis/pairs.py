"""Minimal pairs: a word, and its twins in which only the lips or only the tongue are another vowel's.

The three recordings of a word share every other cause (durations, pitch, noise, what a token happens to be), so they
agree frame by frame but for the vowels in question. /y/ with the lips of /i/ is heard near /i/, with the tongue of
/u/ near /u/; /ø/ lies likewise between /e/ and /o/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from articulens.corpora import write_checksums, write_manifest
from articulens.corpora.schema import Utterance
from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.synthesis import store, vtl
from articulens.synthesis.anatomy import Speaker, cohort
from articulens.synthesis.corpus import SEED
from articulens.synthesis.interventions import Intervention
from articulens.synthesis.phonology import Segment, transcribe
from articulens.synthesis.render import Production, Prompt, SpeechProducer, find_voice
from articulens.synthesis.sensors import SensorModel
from articulens.synthesis.shapes import BODY, LIPS, Shapes
from articulens.synthesis.vtl import Floats

WORDS = ("tyyli", "söi")
BASE = "none"
COLUMNS = {"lips": LIPS, "tongue": BODY}
#: Whose lips and whose tongue a rounded front vowel gets in its twins.
OTHERS = {"y": {"lips": "i", "tongue": "u"}, "ø": {"lips": "e", "tongue": "o"}}


@dataclass(frozen=True)
class Exchange(Intervention):
    """Front rounded vowels with the lips, or the tongue, of another vowel; `sensor` is ``lips`` or ``tongue``."""

    axis: str | None = None
    kind: str = "exchange"
    value: float = 0.0

    @property
    def parameters(self) -> tuple[str, ...]:
        """The tract parameters that are changed."""
        return tuple(name for name, column in vtl.P.items() if column in COLUMNS[self.sensor])

    def __str__(self) -> str:
        return f"{self.sensor} of another vowel"

    def on_targets(self, segments: list[Segment], targets: Floats, shapes: Shapes, sensors: SensorModel) -> Floats:
        """Return `targets` (segments, 19) with these columns moved by the difference of the two vowels."""
        targets = targets.copy()
        columns = COLUMNS[self.sensor]
        for k, segment in enumerate(segments):
            if segment.phone in OTHERS:
                other = shapes.vowels[OTHERS[segment.phone][self.sensor]]
                # A difference, so that what this token happens to be stays.
                targets[k, columns] += (other - shapes.vowels[segment.phone])[columns]
        return shapes.tract.clip(targets)


def make_pairs(out: str | Path, *, words: Sequence[str] = WORDS, speakers: int = 18, seed: int = SEED) -> Path:
    """Write the minimal pairs of a cohort as a tabular corpus; about 2 s of processor time a recording.

    Parameters
    ----------
    out
        Folder to write.
    words
        Finnish words with front rounded vowels.
    speakers, seed
        Who says them: those of :func:`articulens.synthesis.synthesise`.

    Returns
    -------
    Path
        The folder; column ``changed`` of the corpus is ``none``, ``lips`` or ``tongue``, ``sentence`` the word.

    Raises
    ------
    ArticulensError
        For a word without such a vowel, when the extra ``[synth]`` is missing, or the folder holds another corpus.
    """
    for word in words:
        if not {segment.phone for segment in transcribe(word, "fi")} & set(OTHERS):
            raise ArticulensError(
                f"word '{word}': there is no {' or '.join(OTHERS)} in it, so its twins would be the word itself; "
                "choose another word."
            )
    vtl.require()
    root = Path(out)
    plan = [(speaker, list(pair_prompts(speaker, words))) for speaker in cohort(speakers, seed)]
    store.check_folder(root, {p.id for _, own in plan for p in own}, {speaker.id for speaker, _ in plan})
    made: list[Utterance] = []
    for speaker, prompts in plan:
        producer: SpeechProducer | None = None
        for prompt in prompts:
            changes = changes_of(prompt)
            recipe = store.recipe_hash(speaker, prompt, changes)
            if not store.is_done(root, prompt, recipe):
                producer = producer or find_voice(speaker)
                store.write(root, producer, prompt, say_twin(producer, prompt), recipe, changes)
            made.append(store.utterance(root, speaker, prompt))
    write_manifest(root, made)
    with atomic_write(root / "corpus.yaml", "w") as stream:
        stream.write(
            "name: minimal pairs (synthetic)\nlicence: CC0-1.0\n"
            f"description: Synthetic Finnish words whose twins differ in lips or tongue only, seed {seed}\n"
            + "card: CARD.md\n"
            * (root / "CARD.md").exists()
        )
    write_checksums(root)
    return root


def changes_of(prompt: Prompt) -> tuple[Intervention, ...]:
    """Return what is changed in a twin; nothing in the word itself."""
    changed = prompt.extra["changed"]
    return () if changed == BASE else (Exchange(changed),)


def say_twin(producer: SpeechProducer, prompt: Prompt) -> Production:
    """Return a word or its twin, said under the name of the word alone: everything random is drawn from the name."""
    return producer.say(replace(prompt, id=f"{producer.speaker.id}_{prompt.sentence}"), changes_of(prompt))


def pair_prompts(speaker: Speaker, words: Sequence[str] = WORDS) -> Iterator[Prompt]:
    """Yield what a speaker says: every word three times, with ``changed`` among its extras."""
    condition = "L1" if speaker.l1 == "fi" else "L2"
    for word in words:
        for changed in (BASE, *COLUMNS):
            name = f"{speaker.id}_{word}_{changed}".replace("ö", "o")
            yield Prompt(name, f"{word.capitalize()}.", "fi", condition, "T1", word, extra={"changed": changed})
