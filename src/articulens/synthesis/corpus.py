"""Making a corpus: speakers, texts and a seed in; a folder in the tabular format out.

The same arguments give the same bytes, whatever the number of jobs and however often the run was interrupted, on
processors of one kind; on others, mouths that `articulens.synthesis.calibration` does not keep end a little elsewhere.
"""

from __future__ import annotations

import functools
import multiprocessing
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from articulens.corpora import write_checksums, write_manifest
from articulens.errors import ArticulensError
from articulens.files import atomic_write
from articulens.synthesis import store, vtl
from articulens.synthesis.anatomy import Speaker, cohort
from articulens.synthesis.design import design
from articulens.synthesis.interventions import Intervention, parse
from articulens.synthesis.render import Production, Prompt, SpeechProducer, find_voice

SEED = 2026
_CHUNK = 24
Progress = Callable[[int, int, str], None]


def synthesise(
    out: Path | str,
    *,
    speakers: int = 18,
    hours: float | None = None,
    seed: int = SEED,
    jobs: int = 1,
    intervene: str | Sequence[Intervention] | None = None,
    only: Callable[[Speaker, Prompt], bool] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make a corpus of synthetic speech with sensor tracks and write it as a tabular corpus.

    Parameters
    ----------
    out
        Folder to write; it may hold an interrupted run of the same corpus, which is then finished.
    speakers
        How many; the first 18 have the groups and sexes of FROST-EMA.
    hours
        About how much speech in all, shared equally; None for the layout of the bundled corpus.
    seed
        Everything random is drawn from it.
    jobs
        Processes to use; the result does not depend on it.
    intervene
        Interventions on every utterance, as text (``"TT.z+3"``) or parsed.
    only
        Keep only the prompts for which this is true.
    progress
        Called as ``progress(done, total, utterance id)``.

    Returns
    -------
    Path
        The corpus folder, readable with ``open_corpus("tabular:OUT")``.

    Raises
    ------
    ArticulensError
        When the extra ``[synth]`` is missing, an argument is impossible, the folder cannot be written or holds
        something else, or a speaker's anatomy cannot speak.
    """
    if speakers < 1 or jobs < 1 or (hours is not None and not 0 < hours < 1000):
        raise ArticulensError(
            f"speakers={speakers}, hours={hours}, jobs={jobs}: speakers and jobs must be 1 or more and hours above 0; "
            "correct the numbers."
        )
    vtl.require()
    changes = parse(intervene) if isinstance(intervene, str) else tuple(intervene or ())
    root = Path(out)
    seconds = None if hours is None else hours * 3600 / speakers
    plan = [(s, p) for s in cohort(speakers, seed) for p in design(s, seconds) if only is None or only(s, p)]
    if not plan:
        raise ArticulensError(f"{root}: no utterance is left to make; loosen the selection.")
    store.check_folder(root, {prompt.id for _, prompt in plan}, {speaker.id for speaker, _ in plan})
    chunks = _chunks(plan)
    _run(root, chunks, changes, jobs, len(plan), progress)
    write_manifest(root, [store.utterance(root, speaker, prompt) for speaker, prompt in plan])
    title = "Synthetic Finnish-Russian articulatory speech" + (f" ({', '.join(map(str, changes))})" if changes else "")
    with atomic_write(root / "corpus.yaml", "w") as stream:
        stream.write(
            f"name: {_name(seed, hours is None and speakers == 18, bool(changes))}\nlicence: CC0-1.0\n"
            f"description: {title}, seed {seed}\n" + "card: CARD.md\n" * (root / "CARD.md").exists()
        )
    write_checksums(root)
    return root


def _name(seed: int, bundled_layout: bool, changed: bool) -> str:
    """Return the name of a corpus for titles and tables: it says that nobody was recorded."""
    name = "bundled" if seed == SEED and bundled_layout else f"seed-{seed}"
    return f"{name}-intervened (synthetic)" if changed else f"{name} (synthetic)"


def resynthesise(utterance_id: str, *, seed: int = SEED, intervene: str = "") -> tuple[Production, Prompt]:
    """Say one utterance of the bundled design again, in memory, perhaps with interventions.

    Parameters
    ----------
    utterance_id
        Such as ``FIN01_L1_fi_sent_01``.
    seed
        The corpus seed.
    intervene
        Interventions as text; empty for none.

    Raises
    ------
    ArticulensError
        When no speaker of the 18 says an utterance with this name.
    """
    vtl.require()
    for speaker in cohort(18, seed):
        if utterance_id.startswith(speaker.id + "_"):
            for prompt in design(speaker):
                if prompt.id == utterance_id:
                    return _producer(speaker).say(prompt, parse(intervene)), prompt
    raise ArticulensError(
        f"utterance {utterance_id!r} is not in the design of the bundled corpus; see the ids in its manifest.csv."
    )


@functools.lru_cache(maxsize=1)
def _producer(speaker: Speaker) -> SpeechProducer:
    return find_voice(speaker)


def _chunks(plan: list[tuple[Speaker, Prompt]]) -> list[tuple[Speaker, list[Prompt]]]:
    """Group the plan by speaker in pieces of at most `_CHUNK` prompts, the longest first."""
    by_speaker: dict[Speaker, list[Prompt]] = {}
    for speaker, prompt in plan:
        by_speaker.setdefault(speaker, []).append(prompt)
    pieces = []
    for speaker, prompts in by_speaker.items():
        pieces += [(speaker, prompts[k : k + _CHUNK]) for k in range(0, len(prompts), _CHUNK)]
    return sorted(pieces, key=lambda piece: -len(piece[1]))


def _run(
    root: Path,
    chunks: list[tuple[Speaker, list[Prompt]]],
    changes: tuple[Intervention, ...],
    jobs: int,
    total: int,
    progress: Progress | None,
) -> None:
    done = 0

    def tell(name: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total, name)

    if jobs == 1:
        for speaker, prompts in chunks:
            _make(root, speaker, prompts, changes, tell)
        return
    context = multiprocessing.get_context("spawn")
    finished: Any = context.Queue()
    try:
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_connect, initargs=(finished,)) as pool:
            futures = [pool.submit(_make_in_worker, root, s, prompts, changes) for s, prompts in chunks]
            try:
                _wait(futures, finished, tell)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool as error:
        raise ArticulensError(
            f"{root}: a worker process died (out of memory, or stopped from outside); run the same command again: "
            "finished utterances are kept."
        ) from error


def _wait(futures: list[Future[None]], finished: Any, tell: Callable[[str], None]) -> None:
    pending = set(futures)
    while pending:
        try:
            tell(finished.get(timeout=0.2))
        except queue.Empty:
            for future in [f for f in pending if f.done()]:
                future.result()
                pending.remove(future)


_finished: Any = None


def _connect(finished: Any) -> None:
    global _finished
    _finished = finished


def _make_in_worker(root: Path, speaker: Speaker, prompts: list[Prompt], changes: tuple[Intervention, ...]) -> None:
    _make(root, speaker, prompts, changes, _finished.put)


def _make(
    root: Path,
    speaker: Speaker,
    prompts: list[Prompt],
    changes: tuple[Intervention, ...],
    tell: Callable[[str], None],
) -> None:
    """Make what is missing of one speaker's utterances."""
    for prompt in prompts:
        recipe = store.recipe_hash(speaker, prompt, changes)
        if not store.is_done(root, prompt, recipe):
            producer = _producer(speaker)
            store.write(root, producer, prompt, producer.say(prompt, changes), recipe, changes)
        tell(prompt.id)
    if not (root / "speakers" / f"{speaker.id}.json").exists():
        store.write_speaker(root, _producer(speaker))
