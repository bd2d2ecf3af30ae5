"""The lens over a model of 7B class: memory with weights on disk at a reduced size; tokens a second on a GPU.

The model has the class, the 28 blocks and the 152,167 tokens of SIMS-7B (Qwen2), random weights, and here a seventh of
its width. Three ways read every layer of the same sequences, each in a process of its own:

* ``plain``: what one would write otherwise: all hidden states of a batch, then all logits, one layer after the other;
* ``lens``: logits inside the forward pass, weights in memory;
* ``lens, weights on disk``: the same, with room for a part of the weights only.

    python benchmarks/bench_speechlm.py                  # CPU, reduced size
    python benchmarks/bench_speechlm.py --device cuda    # GPU, full size, bf16
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil
import torch
from common import write
from transformers import AutoModelForCausalLM, Qwen2Config

from articulens.speechlm import Lens, SpeechLM, Tokens, Vocabulary, open_speech_lm

UNITS, VOCABULARY = 500, 152_167
FULL = {"hidden_size": 3584, "intermediate_size": 18_944, "num_attention_heads": 28, "num_key_value_heads": 4}
REDUCED = {"hidden_size": 512, "intermediate_size": 2_706, "num_attention_heads": 8, "num_key_value_heads": 4}
ROOM = "256MB"
CASES = ("plain", "lens", "lens, weights on disk")


def config(size: dict[str, int]) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=VOCABULARY,
        num_hidden_layers=28,
        tie_word_embeddings=False,
        max_position_embeddings=32_768,
        bos_token_id=None,
        eos_token_id=None,
        **size,
    )


def sequences(n: int, tokens: int) -> list[Tokens]:
    rng = np.random.default_rng(0)
    first = VOCABULARY - 2 - UNITS
    fill = np.zeros(tokens)
    return [
        Tokens(rng.integers(first, first + UNITS, tokens), np.ones(tokens, np.int8), fill.astype(int), fill, fill)
        for _ in range(n)
    ]


class MeanRank:
    """The least that a reader does: the rank of one token in every row, summed by layer."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def __call__(self, layer: str, rows: torch.Tensor, positions: torch.Tensor, logits: torch.Tensor) -> None:
        """Add the ranks of one block of logits."""
        ranks = (logits >= logits[:, :1]).sum(1)
        self.sums[layer] = self.sums.get(layer, 0.0) + float(ranks.sum())


def run_case(case: str, folder: str, n: int, tokens: int) -> None:
    """Measure one way in this process and print it as JSON."""
    torch.set_num_threads(1)
    room = {"cpu": ROOM} if "disk" in case else None
    before = psutil.Process().memory_info().rss
    lm = open_speech_lm(folder, device="cpu", offset=VOCABULARY - 2 - UNITS, max_memory=room)
    reader, work = MeanRank(), sequences(n, tokens)
    started = time.process_time()
    if case == "plain":
        ids = torch.from_numpy(np.stack([t.ids for t in work]))
        with torch.no_grad():
            states = lm.model.model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
            for layer, state in enumerate(states):
                last = layer == len(states) - 1  # transformers has normed this one already
                logits = lm.head(state if last else lm.norm(state))
                reader(str(layer), ids, ids, logits.flatten(0, 1))
    else:
        Lens(lm).read(work, reader, batch_tokens=128, at_once=2**24)
    seconds = time.process_time() - started
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps({"peak_bytes": peak - before, "cpu_seconds": round(seconds, 1), "sums": reader.sums}))


def largest_parts() -> dict[str, int]:
    """Return what must be in memory at once at full size in bf16: the largest weight, and the largest block."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config(FULL))
    block = sum(p.numel() for p in model.model.layers[0].parameters())
    return {
        "weights_bytes": 2 * sum(p.numel() for p in model.parameters()),
        "largest_weight_bytes": 2 * max(p.numel() for p in model.parameters()),
        "block_bytes": 2 * block,
    }


def on_cpu(n: int, tokens: int) -> None:
    result: dict = {"blocks": 28, "vocabulary": VOCABULARY, "width": REDUCED["hidden_size"], "tokens": n * tokens}
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config(REDUCED))
        result["weights_bytes"] = 4 * sum(p.numel() for p in model.parameters())
        model.save_pretrained(folder, max_shard_size="200MB")
        del model
        sums = {}
        for case in CASES:
            for twice in (1, 2) if case != "plain" else (1,):
                command = [sys.executable, __file__, "--case", case, "--folder", folder, "--n", str(n * twice)]
                command += ["--tokens", str(tokens)]
                found = json.loads(
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
                )
                name = case if twice == 1 else f"{case}, twice the tokens"
                if twice == 1:
                    sums[case] = np.array([found["sums"][layer] for layer in sorted(found["sums"], key=int)])
                result[name] = {
                    "peak_bytes": found["peak_bytes"],
                    "peak_of_weights": round(found["peak_bytes"] / result["weights_bytes"], 2),
                    "tokens_per_cpu_second": round(n * twice * tokens / found["cpu_seconds"], 1),
                }
    result["largest_relative_difference"] = float(
        max(np.abs(sums[case] / sums["plain"] - 1).max() for case in CASES[1:])
    )
    result["full_size"] = largest_parts()
    result["gpu"] = "not measured: no GPU on this machine"
    write("speechlm", result)


def on_gpu(n: int, tokens: int) -> None:
    if not torch.cuda.is_available():
        print("bench_speechlm: no GPU on this machine; nothing measured.")
        return
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config(FULL))
    torch.set_default_dtype(torch.float32)
    lm = SpeechLM(model, Vocabulary.of_units(UNITS, VOCABULARY - 2 - UNITS, VOCABULARY))
    lens, work = Lens(lm), sequences(n, tokens)
    lens.read(work[:2], MeanRank())  # warm up
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    started = time.perf_counter()
    lens.read(work, MeanRank(), batch_tokens=8_192, at_once=2**28)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    write(
        "speechlm_gpu",
        {
            "blocks": 28,
            "width": FULL["hidden_size"],
            "vocabulary": VOCABULARY,
            "tokens": n * tokens,
            "dtype": "bf16",
            "seconds": round(seconds, 2),
            "tokens_per_second": round(n * tokens / seconds),
            "weights_bytes": 2 * sum(p.numel() for p in model.parameters()),
            "peak_bytes": torch.cuda.max_memory_allocated(),
        },
    )


def main() -> None:
    """Run the benchmark, or one of its cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--n", type=int, default=None, help="sequences")
    parser.add_argument("--tokens", type=int, default=None, help="tokens of each")
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--folder")
    options = parser.parse_args()
    if options.case:
        run_case(options.case, options.folder, options.n, options.tokens)
    elif options.device == "cpu":
        on_cpu(options.n or 3, options.tokens or 64)
    else:
        on_gpu(options.n or 64, options.tokens or 512)


if __name__ == "__main__":
    main()
