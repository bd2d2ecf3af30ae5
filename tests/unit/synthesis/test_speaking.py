"""One synthetic speaker saying things: physics, determinism, interventions. Needs the extra [synth]."""

from pathlib import Path

import numpy as np
import pytest

from articulens.corpora import open_corpus
from articulens.errors import ArticulensError
from articulens.synthesis import Prompt, parse
from articulens.synthesis.anatomy import cohort, draw_speaker
from articulens.synthesis.contacts import closes
from articulens.synthesis.corpus import _producer, synthesise
from articulens.synthesis.inventory import VOWELS, formant_range
from articulens.synthesis.pairs import pair_prompts, say_twin
from articulens.synthesis.sensors import CHANNELS
from articulens.synthesis.trajectories import boundaries
from articulens.synthesis.versions import prompt_of, read_versions, say_versions
from articulens.synthesis.vtl import P, VocalTract

pytest.importorskip("vocaltractlab_cython", reason="the extra [synth] is not installed", exc_type=ImportError)

DATA = Path(__file__).parents[3] / "data"
PROMPT = Prompt("FIN02_L1_test", "Tapa kuuma.", "fi", "L1", "T2", "test")


@pytest.fixture(scope="module")
def producer():
    return _producer(draw_speaker(1, 2026))


@pytest.fixture(scope="module")
def made(producer):
    return producer.say(PROMPT)


def test_cohort_follows_frost_and_does_not_depend_on_its_size():
    speakers = cohort(18, 2026)
    groups = [(s.l1, s.sex) for s in speakers]
    assert [groups.count(g) for g in (("fi", "m"), ("fi", "f"), ("ru", "m"), ("ru", "f"))] == [5, 6, 5, 2]
    assert cohort(20, 2026)[:18] == speakers and cohort(18, 7) != speakers
    assert len({s.id for s in cohort(30, 1)}) == 30


def test_vowels_of_this_speaker_have_the_formants_of_his_sex(producer):
    outside = []
    for name in VOWELS:
        f1, f2 = producer.tract.formants(producer.shapes.vowels[name])[:2]
        low1, high1, low2, high2 = formant_range(name, producer.speaker.sex)
        if not (low1 <= f1 <= high1 and low2 <= f2 <= high2):
            outside.append((name, f1, f2))
    assert not outside


def test_closures_close_and_vowels_stay_open(producer, made):
    edges = boundaries(made.segments)
    area = {}
    for k, segment in enumerate(made.segments):
        middle = made.tract[round((edges[k] + edges[k + 1]) / 2 * 1000)]
        area.setdefault("closed" if closes(segment) else segment.kind, []).append(producer.tract.oral_area(middle))
    assert len(area["closed"]) == 4 and max(area["closed"]) < 1e-3
    assert min(area["V"]) > 0.12


def test_sound_and_tracks_are_finite_and_equally_long(made):
    assert np.isfinite(made.audio).all() and np.abs(made.audio).max() < 0.99
    assert np.isfinite(made.positions).all() and made.positions.shape[1] == len(CHANNELS)
    assert len(made.positions) / 100 == pytest.approx(len(made.audio) / 16000, abs=0.02)
    assert np.array_equal(np.round(made.audio * 2048), made.audio * 2048)


def test_a_stop_is_silent_and_a_vowel_is_not(made):
    ends = boundaries(made.segments)
    level = {}
    for k, segment in enumerate(made.segments):
        start, end = ends[k] + 0.4 * (ends[k + 1] - ends[k]), ends[k] + 0.75 * (ends[k + 1] - ends[k])
        level[segment.phone, k] = 10 * np.log10(np.mean(made.audio[int(start * 16000) : int(end * 16000)] ** 2))
    stops = [v for (phone, _), v in level.items() if phone in "ptk"]
    vowels = [v for (phone, _), v in level.items() if phone in VOWELS]
    assert min(vowels) - max(stops) > 12


def test_saying_it_again_gives_the_same_bytes_whatever_was_said_between(producer, made):
    producer.say(Prompt("FIN02_L1_other", "Yö.", "fi", "L1", "T2", "x"))
    VocalTract(np.array(draw_speaker(3, 2026).anatomy)).oral_area(producer.shapes.vowels["i"])
    again = producer.say(PROMPT)
    assert np.array_equal(again.audio, made.audio) and np.array_equal(again.positions, made.positions)


def test_upper_and_lower_lip_are_two_channels(made):
    upper, lower = made.positions[:, CHANNELS.index("UL.x")], made.positions[:, CHANNELS.index("LL.x")]
    assert np.ptp(upper - lower) > 0.3


def test_raising_the_tip_raises_it_by_as_much_where_it_is_free(producer, made):
    raised = producer.say(PROMPT, parse("TT.z+3"))
    column = CHANNELS.index("TT.z")
    moved = raised.positions - made.positions
    edges = boundaries(made.segments)
    open_vowels = [k for k, s in enumerate(made.segments) if s.phone == "ɑ"]
    frames = [round((edges[k] + edges[k + 1]) / 2 * 100) for k in open_vowels]
    assert np.allclose(moved[frames, column], 3.0, atol=1.0)
    elsewhere = [k for k, name in enumerate(CHANNELS) if name.partition(".")[0] in ("UL", "LL", "JAW")]
    assert np.abs(moved[:, elsewhere]).max() == 0
    # The tongue's surface is stretched, so sensors at fixed distances behind the tip slide a little along it.
    dorsum = [CHANNELS.index("TD.x"), CHANNELS.index("TD.z")]
    assert np.abs(moved[np.ix_(frames, dorsum)]).max() < 1.5
    assert np.abs(raised.audio - made.audio).max() > 0.01
    changed = {name for name, k in P.items() if not np.array_equal(raised.tract[:, k], made.tract[:, k])}
    assert changed == {"TTX", "TTY"}


def test_damping_delaying_and_clamping(producer, made):
    jaw = CHANNELS.index("JAW.z")
    damped = producer.say(PROMPT, parse("JAW*0.3"))
    spoken = slice(20, len(made.positions) - 20)
    assert damped.positions[spoken, jaw].std() < 0.7 * made.positions[spoken, jaw].std()
    clamped = producer.say(PROMPT, parse("TD=0"))
    body = [P["TCX"], P["TCY"]]
    inside = [k for k, s in enumerate(made.segments) if s.kind != "P"]
    assert np.ptp(clamped.targets[inside][:, body], axis=0).max() == 0
    late = producer.say(PROMPT, parse("LL@+50"))
    column = P["LD"]
    lags = range(0, 100)
    fits = [np.corrcoef(late.tract[150:-150, column], np.roll(made.tract[:, column], k)[150:-150])[0, 1] for k in lags]
    assert abs(int(np.argmax(fits)) - 50) <= 3
    assert np.array_equal(np.delete(late.tract, [P["LP"], P["LD"]], 1), np.delete(made.tract, [P["LP"], P["LD"]], 1))


def test_a_move_that_this_mouth_cannot_do_is_refused_in_a_sentence(producer):
    with pytest.raises(ArticulensError, match=r"TB\.x-2\.5: this anatomy lets TB move [+-]\d\.\d mm where -2\.5 mm"):
        producer.say(PROMPT, parse("TB.x-2.5"))


def test_a_version_of_the_shipped_set_comes_out_again(producer):
    (shipped,) = read_versions(DATA / "moved", [producer.speaker.id])
    again = say_versions(producer, prompt_of(producer.speaker), ["TB.x-2.5", "LL.z-2.5"])
    assert again.names == ("untouched", "LL.z-2.5"), "what this mouth cannot do is listed, and the rest is said"
    assert [told.split(":")[0] for told in again.impossible] == ["TB.x-2.5"]
    at = shipped.names.index("LL.z-2.5")
    assert (again.utterance, again.intervals) == (shipped.utterance, shipped.intervals)
    np.testing.assert_allclose(again.positions[1], shipped.positions[at], atol=0.03)
    assert np.corrcoef(again.audio[1], shipped.audio[at])[0, 1] > 0.98, "but for what Opus leaves out"
    assert np.corrcoef(again.audio[1], shipped.audio[0])[0, 1] < 0.97, "and it is not the untouched one"


def test_a_twin_of_the_shipped_pairs_comes_out_again(producer):
    shipped = open_corpus(f"tabular:{DATA / 'pairs'}").select(
        speaker=producer.speaker.id, sentence="söi", changed="lips"
    )
    (prompt,) = [p for p in pair_prompts(producer.speaker, ["söi"]) if p.extra["changed"] == "lips"]
    again, (utterance,) = say_twin(producer, prompt), shipped.utterances
    np.testing.assert_allclose(again.audio, shipped.read_audio(utterance)[0], atol=2 / 2048)  # steps of 12 bits
    np.testing.assert_allclose(again.positions, shipped.read_trajectory(utterance).positions, atol=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: [*a[:8], 30.0, *a[9:]], "pharynx_length is 30"),
        (lambda a: a[:5], "5 numbers were found"),
        (lambda a: [float("nan"), *a[1:]], "1 not finite"),
    ],
)
def test_impossible_anatomies_are_refused(producer, change, message):
    with pytest.raises(ArticulensError, match=message):
        VocalTract(change(list(producer.speaker.anatomy)))


def keep(speaker, prompt):
    return speaker.id == "FIN02" and prompt.sentence in ("fi_list_07", "fi_cmd_06") and prompt.condition == "L1"


def test_an_interrupted_corpus_is_finished_with_the_same_bytes(tmp_path, producer):
    def contents(root):
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    def stop(done, total, name):
        raise KeyboardInterrupt

    seen = []
    whole = synthesise(tmp_path / "whole", only=keep, progress=lambda d, t, n: seen.append((d, t)))
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(KeyboardInterrupt):
        synthesise(tmp_path / "cut", only=keep, progress=stop)
    (tmp_path / "cut" / "audio" / ".half.flac.tmp").write_bytes(b"half")
    assert contents(synthesise(tmp_path / "cut", only=keep)) == contents(whole)
    corpus = open_corpus(f"tabular:{whole}")
    assert [u.meta.get("action") for u in corpus] == ["take", None]
    with pytest.raises(ArticulensError, match="belongs to another corpus"):
        synthesise(whole, only=lambda s, p: keep(s, p) and "cmd" in p.sentence)


def test_bad_requests(tmp_path):
    with pytest.raises(ArticulensError, match="must be 1 or more"):
        synthesise(tmp_path, speakers=0)
    with pytest.raises(ArticulensError, match="no utterance is left"):
        synthesise(tmp_path / "x", only=lambda s, p: False)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArticulensError, match="choose a folder"):
        synthesise(tmp_path / "file" / "corpus", only=keep)
