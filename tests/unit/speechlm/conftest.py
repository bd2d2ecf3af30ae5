"""A Llama whose weights are written by hand: it says the word at one layer, the next word at another, then the unit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from articulens.speechlm import SpeechLM, Spoken, Units, Vocabulary, extend_tokenizer

SYLLABLES = [c + v for c in "kpstmnlrvjhd" for v in "aeiou"]
WORDS = SYLLABLES[:24] + [SYLLABLES[i] + SYLLABLES[i + 1] for i in range(24, 30)]  # the last six have two pieces
UNITS = 2 * len(WORDS)  # each word is said as two units, its own
SPEAKS, FORGETS, FORESEES, RETURNS, BLOCKS = 2, 3, 4, 5, 6  # what the blocks do


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    log = transformers.utils.logging
    before, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    yield
    log.set_verbosity(before)
    if bar:
        log.enable_progress_bar()


def make_tokenizer(units: int = 0) -> tuple[PreTrainedTokenizerFast, Vocabulary | None]:
    """Return a tokenizer that cuts words into syllables; extended by units if there shall be any."""
    raw = Tokenizer(models.WordLevel({s: i for i, s in enumerate([*SYLLABLES, "[UNK]"])}, unk_token="[UNK]"))
    cut = pre_tokenizers.Split(Regex(".{2}"), "isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), cut])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]")
    return tokenizer, extend_tokenizer(tokenizer, units) if units else None


def plant(vocabulary: Vocabulary) -> LlamaForCausalLM:
    """Write the weights. The residual stream has a place for each unit heard, each token said, and nothing else."""
    said = UNITS  # the first of the places of what is said
    config = LlamaConfig(
        vocab_size=vocabulary.size,
        hidden_size=UNITS + vocabulary.size + (-UNITS - vocabulary.size) % 4,
        intermediate_size=UNITS,
        num_hidden_layers=BLOCKS,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        weight.data.fill_(1.0 if "norm" in name else 0.0)
    words = [vocabulary.tokens_of_text(f" {word}")[0] for word in WORDS]
    own = [words[u // 2] for u in range(UNITS)]
    following = [words[(u // 2 + 1) % len(WORDS)] for u in range(UNITS)]
    ahead = [int(vocabulary.unit_ids[(u + 1) % UNITS]) for u in range(UNITS)]
    model.model.embed_tokens.weight.data[vocabulary.unit_ids, torch.arange(UNITS)] = 1.0
    model.lm_head.weight.data[:, said : said + vocabulary.size] = torch.eye(vocabulary.size)
    loud, length2 = 3.0, 1.0  # squared length of the stream before the block
    for block, change, after in (
        (SPEAKS, [(own, loud)], 1 + loud**2),
        (FORGETS, [(own, -loud)], 1.0),
        (FORESEES, [(following, loud)], 1 + loud**2),
        (RETURNS, [(following, -loud), (ahead, loud)], 1 + loud**2),
    ):
        mlp = model.model.layers[block - 1].mlp
        x = torch.tensor(1 / (length2 / config.hidden_size + config.rms_norm_eps) ** 0.5)
        gain = float(torch.nn.functional.silu(x) * x)  # of the one neuron of the unit that is heard
        mlp.gate_proj.weight.data[:, :UNITS] = mlp.up_proj.weight.data[:, :UNITS] = torch.eye(UNITS)
        for tokens, strength in change:
            for u, token in enumerate(tokens):
                mlp.down_proj.weight.data[said + token, u] += strength / gain
        length2 = after
    return model


def say(name: str, first: int, n: int, language: str = "fi") -> Spoken:
    """Say `n` words in the order of the list, a second each, as their two units of 8 and 2 frames of 100 ms."""
    units = [2 * ((first + k) % len(WORDS)) + half for k in range(n) for half in (0, 1)]
    words = [(float(k), float(k + 1), WORDS[(first + k) % len(WORDS)]) for k in range(n)]
    return Spoken(name, Units(np.array(units), np.tile([8, 2], n), 0.1), words, {"language": language})


@dataclass(frozen=True)
class Planted:
    """The model, what it hears, and how more of both is made."""

    lm: SpeechLM
    spoken: list[Spoken]
    say: Callable[..., Spoken]
    make_tokenizer: Callable[..., tuple]
    words: tuple[str, ...] = tuple(WORDS)
    n_units: int = UNITS


@pytest.fixture(scope="session")
def planted() -> Planted:
    _, vocabulary = make_tokenizer(UNITS)
    assert vocabulary is not None
    lm = SpeechLM(plant(vocabulary), vocabulary, name="planted")
    return Planted(lm, [say(f"u{i}", 3 * i, 4 + i % 3) for i in range(12)], say, make_tokenizer)
