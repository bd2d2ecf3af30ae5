import os
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    OPTConfig,
    Qwen2Config,
)

from articulens.errors import ArticulensError
from articulens.speechlm import Lens, SpeechLM, Tokens, Vocabulary, interleave, load_tuned, picture, tune

SIZE = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
STORIES = Path(__file__).parents[4] / "shared" / "weights" / "stories260k"
CLASSES = {
    "llama": LlamaConfig(**SIZE, **HEADS),
    "qwen2, tied": Qwen2Config(**SIZE, **HEADS, tie_word_embeddings=True),
    "gpt-neox": GPTNeoXConfig(**SIZE, num_attention_heads=4),
    "opt": OPTConfig(vocab_size=50, hidden_size=32, ffn_dim=64, num_hidden_layers=3, num_attention_heads=4),
    "opt-350m, norms behind the blocks, a projection": OPTConfig(
        vocab_size=50,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        word_embed_proj_dim=16,
        do_layer_norm_before=False,
    ),
    "gpt-2": GPT2Config(vocab_size=50, n_embd=32, n_head=4, n_layer=3, bos_token_id=0, eos_token_id=0),
}


def random_lm(name: str = "llama") -> SpeechLM:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CLASSES[name])
    for weight in model.parameters():
        weight.data.add_(0.3 * torch.randn_like(weight))  # else norms are all ones
    return SpeechLM(model, Vocabulary.of_units(48, 2, 50), name=name)


def tokens_of(ids: list[int] | np.ndarray) -> Tokens:
    n = len(ids)
    return Tokens(np.asarray(ids), np.ones(n, np.int8), np.full(n, -1), np.zeros(n), np.zeros(n))


@pytest.mark.parametrize("name", CLASSES)
def test_the_last_layer_is_the_model(name: str) -> None:
    lm = random_lm(name)
    rng = np.random.default_rng(0)
    sequences = [tokens_of(rng.integers(0, 50, n)) for n in (5, 12, 9, 1)]
    found = {i: torch.full((len(t), 50), torch.nan) for i, t in enumerate(sequences)}

    def reader(layer: str, rows: torch.Tensor, positions: torch.Tensor, logits: torch.Tensor) -> None:
        for row, position, values in zip(rows.tolist(), positions.tolist(), logits, strict=True):
            if layer == "3":
                found[row][position] = values

    Lens(lm).read(sequences, reader, batch_tokens=24, at_once=4 * 50)  # padded, and read in parts
    for i, tokens in enumerate(sequences):
        own = lm.logits(torch.from_numpy(tokens.ids)[None])[0]
        assert (found[i] - own).abs().max() < 1e-5, f"sequence {i}"
    # And the earlier ones are something else, so that the test can fail.
    logits = Lens(lm).logits(sequences[0])
    assert list(logits) == ["0", "1", "2", "3"]
    assert all((logits["3"] - logits[layer]).abs().max() > 0.1 for layer in "012")


def test_layers_are_what_transformers_shows_before_its_norm() -> None:
    lm = random_lm()
    ids = torch.arange(2, 12)[None]
    seen: dict[str, torch.Tensor] = {}
    lm.run(ids, lambda layer, states: seen.__setitem__(layer, states), lm.layers)
    shown = lm.model(input_ids=ids, output_hidden_states=True).hidden_states
    assert all(torch.equal(seen[str(i)], shown[i]) for i in range(3))
    normed = lm.norm(seen["3"])
    assert torch.allclose(normed, shown[3], atol=1e-6) or torch.allclose(seen["3"], shown[3], atol=1e-6)
    assert not torch.allclose(lm.read_out(normed), lm.logits(ids), atol=1e-2), "twice normed is not the model"


@pytest.mark.skipif(not STORIES.is_dir(), reason=f"the weights of stories260k are not at {os.path.relpath(STORIES)}")
def test_the_loss_of_a_trained_model_falls_from_layer_to_layer_as_documented() -> None:
    model = AutoModelForCausalLM.from_pretrained(STORIES)
    ids = [1]
    with torch.no_grad():
        while len(ids) < 40:  # the story it tells by itself
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    losses = Lens(SpeechLM(model, Vocabulary.of_units(510, 2, 512))).losses([tokens_of(ids)])
    assert losses["layer"].tolist() == list("012345")
    documented = np.array([21.9, 12.0, 5.7, 3.0, 1.4])  # on a text that is not given
    assert losses["loss"].to_numpy()[:5] == pytest.approx(documented, rel=0.12)
    assert losses["loss"].iloc[5] == pytest.approx(0.22, abs=0.06)
    assert losses["loss"].is_monotonic_decreasing


def test_a_picture_shows_the_words_where_they_are_planted(planted) -> None:
    spoken = planted.spoken[1]
    table = picture(Lens(planted.lm, layers=["2", "4"]), spoken, k=2)
    best = table[(table["layer"] == "2") & (table["rank"] == 1)]
    assert best["token"].tolist() == [w[:2] for w in best["word"]] and len(best) == len(spoken.units)
    assert best["end_s"].to_numpy() == pytest.approx(spoken.units.ends_s)
    assert best["p"].min() > 0.9 and table.loc[table["rank"] == 2, "p"].max() < 0.1


def test_a_tuned_lens_learns_to_say_what_the_last_layer_says(planted, tmp_path: Path) -> None:
    lm = random_lm()
    rng = np.random.default_rng(1)
    train, test = ([tokens_of(rng.integers(0, 50, 60)) for _ in range(n)] for n in (40, 5))
    tuned = tune(lm, train, steps=100, lr=1e-2)
    tuned.save(tmp_path)
    again = load_tuned(tmp_path)

    def divergence(lens: Lens) -> np.ndarray:
        kl = []
        for tokens in test:
            p = {layer: x.log_softmax(-1) for layer, x in lens.logits(tokens).items()}
            kl.append([float((p["3"].exp() * (p["3"] - p[layer])).sum(-1).mean()) for layer in p])
        return np.mean(kl, axis=0)

    plain, better = divergence(Lens(lm)), divergence(Lens(lm, tuned=again))
    assert (better[:3] < 0.7 * plain[:3]).all(), (plain, better)
    assert better[3] == plain[3] == 0
    with pytest.raises(ArticulensError, match="train one for this model"):
        Lens(planted.lm, tuned=again)
    (tmp_path / "tuned_lens.json").write_text('{"width": 7}')
    with pytest.raises(ArticulensError, match="not a tuned lens"):
        load_tuned(tmp_path)


def test_bad_input(planted) -> None:
    lm = random_lm()
    with pytest.raises(ArticulensError, match="no layer '9'"):
        Lens(lm, layers=["9"])
    with pytest.raises(ArticulensError, match="has 50 rows but its vocabulary 40 tokens"):
        SpeechLM(lm.model, Vocabulary.of_units(38, 2, 40))
    with pytest.raises(ArticulensError, match="only units"):
        picture(Lens(lm), planted.spoken[0])
    with pytest.raises(ArticulensError, match="trained on no sequences"):
        tune(lm, [])
    with pytest.raises(ArticulensError, match="give the text model"):
        Lens(lm, readout=planted.lm)
    for ids in (np.zeros(3_000, np.int64), np.array([3, 50]), np.zeros(0, np.int64)):
        with pytest.raises(ArticulensError, match="cut the utterance"):
            Lens(lm).read([tokens_of(ids)], lambda *_: None)
    capped = AutoModelForCausalLM.from_config(Gemma2Config(**SIZE, **HEADS, head_dim=8, final_logit_softcapping=1.0))
    with torch.no_grad():
        capped.model.embed_tokens.weight.normal_(0, 2)
    with pytest.raises(ArticulensError, match="something more behind its norm"):
        Lens(SpeechLM(capped, Vocabulary.of_units(48, 2, 50)))


def test_a_speech_only_model_is_read_through_its_text_model(planted) -> None:
    text = planted.lm
    deaf = SpeechLM(
        text.model, Vocabulary.of_units(planted.n_units, int(text.vocabulary.unit_ids[0]), text.vocabulary.size)
    )
    tokens = interleave(planted.spoken[0], deaf.vocabulary)
    assert torch.equal(Lens(deaf, readout=text).logits(tokens)["2"], Lens(text).logits(tokens)["2"])
