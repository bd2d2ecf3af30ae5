import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM as Auto
from transformers import GPTNeoXConfig, LlamaConfig, OPTConfig, OPTForCausalLM, PreTrainedModel, Qwen2Config

from articulens.errors import ArticulensError
from articulens.speechlm import Lens, interleave, open_speech_lm, read_words

SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def save_slamkit(folder: Path, model: PreTrainedModel, base_vocab: int, base_name: str) -> Path:
    """Save as slamkit does: all weights behind ``lm.``, the text model's configuration inside the model's own."""
    folder.mkdir()
    tied = "lm_head.weight" if model.config.tie_word_embeddings else ""
    weights = {f"lm.{key}": value.contiguous() for key, value in model.state_dict().items() if key != tied}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["UnitLM"],
        "base_config": model.config.to_dict() | {"vocab_size": base_vocab},
        "base_model_name": base_name,
        "model_type": "speech_language_model",
        "torch_dtype": "float32",
        "vocab_size": model.config.vocab_size,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_folder_with_its_tokenizer_in_shards(planted, tmp_path: Path) -> None:
    planted.lm.model.save_pretrained(tmp_path, max_shard_size="300KB")
    planted.lm.vocabulary.tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 3
    lm = open_speech_lm(str(tmp_path), device="cpu")
    tokens = interleave(planted.spoken[0], lm.vocabulary)
    same, own = Lens(lm).logits(tokens), Lens(planted.lm).logits(tokens)
    assert all(torch.equal(same[layer], own[layer]) for layer in own)
    assert lm.record()["units"] == planted.n_units


@pytest.mark.parametrize(
    "config", [Qwen2Config(**SIZE, num_key_value_heads=2), GPTNeoXConfig(**SIZE)], ids=["qwen2", "neox"]
)
def test_sims(planted, tmp_path: Path, config: Qwen2Config) -> None:
    tokenizer, _ = planted.make_tokenizer()
    tokenizer.save_pretrained(tmp_path / "text-model")
    config.vocab_size = len(tokenizer) + planted.n_units + 2
    model = Auto.from_config(config)
    folder = save_slamkit(tmp_path / "sims", model, len(tokenizer), "someone/text-model")
    lm = open_speech_lm(str(folder), tokenizer=str(tmp_path / "text-model"), device="cpu")
    assert type(lm.model) is type(model) and lm.vocabulary.n_units == planted.n_units
    ids = torch.arange(10)[None]
    assert torch.equal(lm.logits(ids), model.eval()(input_ids=ids).logits)
    assert len(read_words(Lens(lm), planted.spoken[:4]).words)


def test_the_tokenizer_beside_a_model_is_the_one_that_was_saved(planted, tmp_path: Path) -> None:
    tokenizer = planted.lm.vocabulary.tokenizer
    model = Auto.from_config(Qwen2Config(vocab_size=len(tokenizer), num_key_value_heads=2, **SIZE))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)  # AutoTokenizer would make a Qwen tokenizer of it
    lm = open_speech_lm(str(tmp_path), device="cpu")
    assert lm.vocabulary.spellings("kate") == planted.lm.vocabulary.spellings("kate")


def test_slam(planted, tmp_path: Path) -> None:
    config = Qwen2Config(
        vocab_size=502,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
        num_key_value_heads=2,
        **SIZE,
    )
    lm = open_speech_lm(
        str(save_slamkit(tmp_path / "slam", Auto.from_config(config), 151_936, "someone/text")), device="cpu"
    )
    assert lm.vocabulary.unit_ids[[0, -1]].tolist() == [2, 501] and lm.vocabulary.prefix == (1,)
    assert interleave(planted.spoken[0], lm.vocabulary).ids[:3].tolist() == [1, 2, 3]
    with pytest.raises(ArticulensError, match="only units"):
        read_words(Lens(lm), planted.spoken)


def test_twist_from_a_torch_file(tmp_path: Path) -> None:
    config = OPTConfig(vocab_size=504, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, offset=4)
    model = OPTForCausalLM(config)
    config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    lm = open_speech_lm(str(tmp_path), device="cpu")
    assert lm.vocabulary.unit_ids[[0, -1]].tolist() == [4, 503] and lm.vocabulary.prefix == ()
    assert torch.equal(lm.model.lm_head.weight, model.lm_head.weight)


def test_weights_that_do_not_fit_into_memory_wait_on_disk(planted, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    planted.lm.model.save_pretrained(tmp_path, max_shard_size="300KB")
    planted.lm.vocabulary.tokenizer.save_pretrained(tmp_path)
    lm = open_speech_lm(str(tmp_path), device="cpu", max_memory={"cpu": "1MB"})
    assert "disk" in lm.model.hf_device_map.values()
    tokens = interleave(planted.spoken[0], lm.vocabulary)
    same, own = Lens(lm).logits(tokens), Lens(planted.lm).logits(tokens)
    assert all(torch.equal(same[layer], own[layer]) for layer in own)


def test_four_bit_weights(planted, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    torch.manual_seed(0)
    model = Auto.from_config(
        Qwen2Config(vocab_size=planted.lm.vocabulary.size, num_key_value_heads=2, **SIZE | {"hidden_size": 64})
    )
    model.save_pretrained(tmp_path)
    planted.lm.vocabulary.tokenizer.save_pretrained(tmp_path)
    lm, tokens = (
        open_speech_lm(str(tmp_path), device="cpu", bits=4),
        interleave(planted.spoken[0], planted.lm.vocabulary),
    )
    assert type(lm.model.model.layers[0].mlp.up_proj).__name__ == "Linear4bit" and lm.record()["bits"] == 4
    found = Lens(lm).logits(tokens)["2"]
    assert torch.allclose(found, lm.logits(torch.from_numpy(tokens.ids)[None])[0], atol=1e-5)
    exact = model.eval()(input_ids=torch.from_numpy(tokens.ids)[None]).logits[0]
    assert 0 < (found - exact).abs().max() < 0.5 * exact.abs().max()


class Evil:
    def __reduce__(self) -> tuple:
        return (open, ("owned", "w"))


def test_bad_input(planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArticulensError, match="no such folder"):
        open_speech_lm("./nothing")
    with pytest.raises(ArticulensError, match="there is no config"):
        (tmp_path / "empty").mkdir()
        open_speech_lm(str(tmp_path / "empty"), device="cpu")
    plain, _ = planted.make_tokenizer()
    text = Auto.from_config(LlamaConfig(vocab_size=len(plain), num_key_value_heads=2, **SIZE))
    text.save_pretrained(tmp_path / "text")
    plain.save_pretrained(tmp_path / "text")
    with pytest.raises(ArticulensError, match="no unit tokens such as <Un0>"):
        open_speech_lm(str(tmp_path / "text"), device="cpu")
    assert not open_speech_lm(str(tmp_path / "text"), device="cpu", unit=None).vocabulary.n_units  # but as a readout
    planted.lm.vocabulary.tokenizer.save_pretrained(tmp_path / "larger")
    with pytest.raises(ArticulensError, match=r"larger: .* but the model has 61 rows"):
        open_speech_lm(str(tmp_path / "text"), device="cpu", tokenizer=str(tmp_path / "larger"))
    small = save_slamkit(tmp_path / "small", text, 40, "someone/text")
    with pytest.raises(ArticulensError, match="leaves none for units"):
        open_speech_lm(str(small), device="cpu", tokenizer=str(tmp_path / "text"))
    with pytest.raises(ArticulensError, match="correct the offset"):
        open_speech_lm(str(tmp_path / "text"), device="cpu", offset=999)
    with pytest.raises(ArticulensError, match="bits=4"):
        open_speech_lm(str(tmp_path / "text"), bits=3, device="cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ArticulensError, match="torch finds no GPU"):
        open_speech_lm(str(tmp_path / "text"), device="cuda")
    with monkeypatch.context() as without:
        without.setattr("articulens.speechlm.loading.find_spec", lambda name: None)
        with pytest.raises(ArticulensError, match="needs accelerate, which is not installed"):
            open_speech_lm(str(tmp_path / "text"), bits=4, device="cpu")
    with pytest.raises(ArticulensError, match="precision 'fp8'"):
        open_speech_lm(str(tmp_path / "text"), dtype="fp8")
    weights = text.state_dict()
    del weights["model.norm.weight"]
    save_file(weights, tmp_path / "text" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArticulensError, match="lacks 1 weights, the first is model"):
        open_speech_lm(str(tmp_path / "text"), device="cpu", unit=None)


def test_weights_are_never_unpickled_into_code(planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LlamaConfig(vocab_size=planted.lm.vocabulary.size, num_key_value_heads=2, **SIZE).save_pretrained(tmp_path)
    planted.lm.vocabulary.tokenizer.save_pretrained(tmp_path)
    torch.save({"model.norm.weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ArticulensError, match="cannot be read"):
        open_speech_lm(str(tmp_path), device="cpu")
    assert not (tmp_path / "owned").exists()
