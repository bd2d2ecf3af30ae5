"""Erasure inside running networks: what lies before stays, what lies behind hears it, heads say what models say."""

import json

import numpy as np
import pytest
import torch

from articulens.corpora import open_corpus
from articulens.encoders import open_encoder
from articulens.encoders.changing import Replay, changing
from articulens.erasure import gather, leace
from articulens.erasure.experiment import Plan, erase, few, folds_of, spread
from articulens.erasure.heads import CtcHead, TeacherHead, open_heads
from articulens.erasure.judging import beyond, judge, shares
from articulens.erasure.patching import find_twins, interchange, patch, reading_of
from articulens.errors import ArticulensError
from articulens.moments import Moments
from articulens.pretraining.evaluate import phone_errors
from articulens.targets import TargetOptions

SIX = ["FIN02", "FIN03", "FIN04", "RUS02", "RUS03", "RUS04"]


@pytest.fixture(scope="module")
def speech():
    return few(open_corpus("bundled").select(speaker=SIX, language="fi"), 2)


@pytest.fixture(scope="module")
def encoder():
    return open_encoder("tiny-multi-fi", device="cpu")


@pytest.fixture(scope="module")
def concepts(speech, encoder):
    return gather(speech, encoder)


@pytest.fixture(scope="module")
def tables(speech, encoder, concepts):
    plan = Plan(["1", "4"], [("articulation", 10), ("mel", 10), ("speaker", 10)], draws=2, doses={"4": [("mel", 2)]})
    return erase(speech, encoder, concepts, plan, open_heads("tiny-multi-fi", encoder, speech), folds=3)


@pytest.mark.parametrize("name", ["tiny-multi", "wav2vec2-tiny@random"])  # norm before, and after, each block
def test_layers_before_are_bit_identical_and_those_behind_are_not(speech, name):
    network = open_encoder(name, device="cpu")
    items = [speech.read_audio(u) for u in speech.utterances[:3]]
    before = network.encode_batch(items)
    blocks = [layer for layer in network.layers if layer != "final"]
    for layer in (blocks[0], blocks[len(blocks) // 2], network.layers[-1]):
        m = Moments.from_frames(before[0][layer].numpy(), before[1][layer][: len(before[0]), :2].numpy())
        eraser = leace(m)
        with changing(network, {layer: eraser.on("cpu")}):
            after = network.encode_batch(items)
        place = network.layers.index(layer)
        for a, b in zip(before, after, strict=True):
            for other in network.layers[:place]:
                assert torch.equal(a[other], b[other]), (layer, other)
            for other in network.layers[place:]:
                assert not torch.equal(a[other], b[other]), (layer, other)
            assert torch.allclose(eraser.on("cpu")(a[layer]), b[layer], atol=1e-4)
    again = network.encode_batch(items)
    assert all(torch.equal(a[layer], b[layer]) for a, b in zip(before, again, strict=True) for layer in network.layers)


def test_replaying_gives_what_running_gives(speech, encoder):
    items = [speech.read_audio(u) for u in speech.utterances[:4]]
    replay = Replay(encoder)
    with replay.listening():
        encoder.encode_batch(items)
    for layer in ("0", "3", "final"):
        change = {layer: lambda x: 0.5 * x}
        with changing(encoder, change):
            plain = encoder.encode_batch(items)
        with replay.resuming(layer), changing(encoder, change):
            replayed = encoder.encode_batch(items)
        for a, b in zip(plain, replayed, strict=True):
            assert torch.equal(a["final"], b["final"])


def test_layers_that_do_not_exist_and_features_without_a_network_are_refused(encoder, concepts):
    with pytest.raises(ArticulensError, match="tiny-multi-fi has no layer '9'"):
        changing(encoder, {"9": lambda x: x}).__enter__()
    with pytest.raises(ArticulensError, match="logmel: there is no network"):
        changing(open_encoder("logmel"), {"0": lambda x: x}).__enter__()
    with pytest.raises(ArticulensError, match="layer '9' was not gathered"):
        concepts.of("lips", "9", SIX)
    with pytest.raises(ArticulensError, match="concept 'jaw' is unknown"):
        concepts.of("jaw", "3", SIX)
    with pytest.raises(ArticulensError, match="cannot be dealt into 9 folds"):
        folds_of(SIX, 9)


def test_concepts_are_those_of_the_corpus(concepts, encoder):
    assert concepts.names[:3] == ("articulation", "lips", "tongue")
    assert {"TT", "UL", "phones", "mel", "speaker"} < set(concepts.names)
    assert (concepts.of("lips", "3", SIX).k, concepts.of("tongue", "3", SIX).k, concepts.of("TT", "3", SIX).k) == (
        4,
        6,
        2,
    )
    who = concepts.of("speaker", "3", SIX)
    assert who.k == 6 and np.trace(who.syy) == pytest.approx(who.n - (who.mean_y**2).sum() * who.n)
    # One column a speaker, from counts and means alone: as from frames.
    parts = [concepts.cells["3"][s] for s in SIX]
    assert np.allclose(who.sxy[:, 0], parts[0].n * (parts[0].mean_x - who.mean_x))
    # Z-scored inside each speaker, so anatomy is no part of it.
    assert np.allclose([part.mean_y[:10] for part in parts], 0, atol=1e-9)


def test_nothing_is_left_in_training_speakers_and_the_rest_is_reported(tables, concepts):
    _, residual = tables
    own = residual[(residual["concept"] == "articulation") & (residual["method"] == "leace")]
    assert own.loc[own["probe"] == "refit, training", "r"].max() <= 0.02
    held_out = own[own["probe"] == "refit, held out"]
    assert set(held_out["cell"]) == set(SIX)
    before = residual[(residual["method"] == "none") & (residual["probe"] == "refit, held out")]
    assert held_out["r"].mean() < 0.5 * before["r"].mean()


def test_damage_is_measured_for_every_speaker_against_equal_random_subspaces(tables):
    damage, _ = tables
    assert set(damage["measure"]) == {"KL", "error rate", "phones"}
    assert set(damage["speaker"]) == set(SIX)
    erased = damage[(damage["concept"] == "articulation") & ~damage["dose"].astype(bool)]
    removed = erased.groupby(["layer", "fold", "method"])["removed"].agg(["min", "max"])
    assert np.allclose(removed["min"], removed["max"], atol=1e-6)
    assert np.allclose(removed.xs("leace", level="method"), removed.xs("random", level="method"), atol=1e-6)
    table = shares(damage)
    everything = table[table["method"] == "everything"].groupby(["layer", "measure", "read_at"])["share"].mean()
    assert np.allclose(everything, 1)
    # What is read before the erased layer is not in the table, and doses are there at their layer only.
    places = damage[damage["measure"] == "phones"]
    assert (places["read_at"].replace("final", "6").astype(int) >= places["layer"].astype(int)).all()
    assert set(damage.loc[damage["dose"].astype(bool), "layer"]) == {"4"}
    kl = table[(table["measure"] == "KL") & ~table["dose"].astype(bool)]
    verdict, rows = judge(beyond(kl, "articulation", "speaker"))
    assert list(rows["layer"]) == ["1", "4"] and rows["speakers"].eq(6).all() and verdict


def test_the_bundled_phone_head_is_the_one_of_the_card(encoder):
    corpus = open_corpus("bundled").select(speaker=["FIN02", "FIN03"], language="fi", condition="L1")
    (head,) = open_heads("tiny-multi-fi", encoder, corpus)
    from articulens.encoders.bundled import models_folder

    wanted = phone_errors(corpus, models_folder() / "tiny-multi-fi", "fi")
    for speaker in corpus.speakers:
        own = [u for u in corpus if u.speaker == speaker]
        wrong = sum(head.errors(encoder.encode(*corpus.read_audio(u))["final"], head.said[u.id]) for u in own)
        assert wrong / sum(len(head.said[u.id]) for u in own) == pytest.approx(wanted[speaker])


def test_heads_of_other_bundled_models(speech):
    network = open_encoder("tiny-multi", device="cpu")
    (teacher,) = open_heads("tiny-multi", network, speech)
    assert isinstance(teacher, TeacherHead) and teacher.reads == "final"
    states = torch.randn(20, 160)
    assert teacher.damage(states, states, "", None)["reading"] == 0
    assert open_heads("tiny-multi@random", network, speech) == []
    with pytest.raises(ArticulensError, match="logmel: there is no network"):
        open_heads("logmel", open_encoder("logmel"), speech)


def test_the_letters_of_a_fine_tuned_model_are_read_as_it_reads_them(tmp_path, speech):
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    from articulens.encoders.catalog import TINY_STABLE

    letters = ["|", "a", "e", "i", "l", "n", "s", "t", "u", "<pad>", "<unk>"]
    config = Wav2Vec2Config(**TINY_STABLE, vocab_size=len(letters), pad_token_id=9)
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(config).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": true, "sampling_rate": 16000}')
    network = open_encoder(str(tmp_path), device="cpu")
    (head,) = open_heads(str(tmp_path), network, speech)
    assert isinstance(head, CtcHead) and head.vocabulary[0] == "<pad>"
    u = speech.utterances[0]
    samples, _ = speech.read_audio(u)
    wave = torch.from_numpy((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7))[None]
    with torch.inference_mode():
        logits = model(wave).logits[0]
    ours = head.scores(network.encode(*speech.read_audio(u))[network.layers[-1]])
    assert torch.allclose(ours[:, 0], logits[:, 9], atol=1e-3)
    assert torch.allclose(ours[:, 1:10], logits[:, :9], atol=1e-3)
    assert head.said[u.id] == [c for c in "|".join(u.text.lower().split()) if c in letters]
    (tmp_path / "vocab.json").write_text("{")
    with pytest.raises(ArticulensError, match=r"vocab.json: the letters cannot be read"):
        open_heads(str(tmp_path), network, speech)


def test_a_corpus_without_labels_has_no_phones(toy_root):
    corpus = open_corpus(f"tabular:{toy_root}")
    network = open_encoder("tiny-ssl", device="cpu", layers=["2", "final"])
    concepts = gather(corpus, network, options=TargetOptions(frames="all"))
    assert "phones" not in concepts.names and {"mel", "speaker"} < set(concepts.names)
    plan = Plan(["2"], [("articulation", 4)], draws=1)
    damage, _ = erase(corpus, network, concepts, plan, [], folds=2, units=8)
    assert set(damage["measure"]) == {"units"} and damage["damage"].between(0, 1).all()


def test_spread_takes_blocks_from_first_to_last():
    assert spread(["0", "1", "2", "3", "4", "5", "final"], 3) == ["1", "3", "5"]
    assert spread(["0", "1", "2"], 5) == ["1", "2"]
    with pytest.raises(ArticulensError, match="0 layers to erase at were asked for"):
        spread(["0", "1"], 0)


# -- interchange


def test_interchange_of_all_directions_makes_the_twin(speech, encoder):
    a, b = (speech.read_audio(u) for u in speech.utterances[:2])
    n = min(len(a[0]), len(b[0]))
    pair = [(a[0][:n], a[1]), (b[0][:n], b[1])]
    from articulens.erasure import everything

    states = encoder.encode_batch(pair)
    m = Moments.from_frames(states[0]["3"].numpy(), states[0]["3"][:, :2].numpy())
    with changing(encoder, {"3": interchange([everything(m)])}):
        patched, twin = encoder.encode_batch(pair)
    assert torch.allclose(patched["final"], twin["final"], atol=1e-4)
    assert torch.equal(twin["final"], states[1]["final"])


def test_twins_differ_in_one_organ_only_and_frames_agree(encoder, concepts):
    pairs = open_corpus("bundled").root.parent / "pairs"
    if not pairs.is_dir():
        pytest.skip("data/pairs was not made")
    corpus = open_corpus(f"tabular:{pairs}").select(speaker=SIX)
    twins = find_twins(corpus)
    assert len(twins) == 6 * 2 * 2
    by_id = {u.id: u for u in corpus}
    channels = ("UL.x", "UL.z", "TT.x", "TB.x", "TD.x")
    for pair in twins:
        tracks = [corpus.read_trajectory(by_id[i]).select(channels).positions for i in (pair.base, pair.twin)]
        assert len(tracks[0]) == len(tracks[1])
        moved = np.abs(tracks[0] - tracks[1]).max(0)
        lips, tongue = moved[:2].max(), moved[2:].max()
        assert (lips > 0.3 and tongue < 0.05) if pair.changed == "lips" else (tongue > 2 and lips < 0.05)
    few_words = corpus.select(sentence="tyyli")
    table = patch(few_words, encoder, concepts, open_heads("tiny-multi-fi", encoder, few_words), layers=["3"],
                  patched=[("lips", 4), ("tongue", 4)], draws=1, folds=3)  # fmt: skip
    assert len(table) == 6 * 2 * 4 and np.isfinite(table["transferred"]).all()


def test_a_corpus_without_pairs_is_refused(speech):
    with pytest.raises(ArticulensError, match="no column 'changed'"):
        find_twins(speech)


def test_without_a_head_the_states_themselves_are_read():
    states = torch.randn(4, 3)
    assert torch.equal(reading_of([])(states), states)
