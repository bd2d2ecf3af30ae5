"""Audio in memory → moments of all 25 layers on a GPU, beside the plain way of storing every state.

The architecture is wav2vec2-large with random weights: speed does not depend on what was learned. The plain way runs
one file at a time in fp32 and writes all states to a compressed npz, as most public pipelines do.

    python benchmarks/bench_gpu.py [--minutes 10] [--device cuda]
"""

from __future__ import annotations

import argparse
import io

import numpy as np
import torch
from common import timed, write

from articulens.agreement import Agreement
from articulens.encoders import open_encoder
from articulens.moments import Accumulator
from articulens.probes.linear import LinearProbe

SECONDS, RATE_HZ, TARGETS = 8, 16_000, 10


def flops_per_second(n_layers: int = 24, d: int = 1024, ff: int = 4096) -> float:
    """Return multiply-adds × 2 that wav2vec2-large does for one second of sound (attention over one utterance)."""
    frames, conv = 50.0, 0.0
    channels, rate = [1] + [512] * 7, float(RATE_HZ)
    for i, (kernel, stride) in enumerate(zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True)):
        rate /= stride
        conv += 2 * rate * kernel * channels[i] * channels[i + 1]
    position = 2 * frames * 128 * d * d / 16
    block = 2 * frames * (4 * d * d + 2 * d * ff) + 2 * 2 * frames * (frames * SECONDS) * d
    return conv + 2 * frames * 512 * d + position + n_layers * block


def matrix_rate(device: str, dtype: torch.dtype, n: int = 8192) -> float:
    """Return the device's own measured rate of large matrix products, FLOP/s."""
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    seconds, _ = timed(lambda: ([a @ b for _ in range(20)], torch.cuda.synchronize()))
    return 20 * 2 * n**3 / seconds


def main() -> None:
    """Measure both ways on the same audio and compare r."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--plain-files", type=int, default=8, help="files that really go the plain way")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("bench_gpu: no GPU on this machine; nothing measured.")
        return
    rng = np.random.default_rng(0)
    files = [
        (rng.normal(size=SECONDS * RATE_HZ).astype(np.float32), float(RATE_HZ))
        for _ in range(int(options.minutes * 60 / SECONDS))
    ]
    result: dict = {"architecture": "wav2vec2-large, random weights", "audio_s": len(files) * SECONDS}
    weights, r = {}, {}
    for dtype in ("fp32", "bf16"):
        encoder = open_encoder("wav2vec2-large@random", device=options.device, dtype=dtype, batch_seconds=256.0)
        frames = encoder.clock.n_frames(SECONDS * RATE_HZ)
        y = torch.from_numpy(np.random.default_rng(1).normal(size=(frames, TARGETS))).to(options.device)

        def ours(files=files, encoder=encoder, y=y) -> dict[str, Accumulator]:
            sums = {layer: Accumulator(encoder.width, TARGETS, options.device) for layer in encoder.layers}
            for i in range(0, len(files), 32):
                states = encoder.encode_batch(files[i : i + 32], keep_on_device=True)
                for layer in encoder.layers:
                    x = torch.cat([s[layer] for s in states])
                    # Targets that the states do explain, so that r is not noise.
                    target = x[:, :TARGETS].double() + 0.5 * y.repeat(len(states), 1)
                    sums[layer].update(x, target)
            if options.device == "cuda":
                torch.cuda.synchronize()
            return sums

        ours(files[:32])  # warm up
        seconds, sums = timed(ours)
        m = {layer: s.moments() for layer, s in sums.items()}
        if dtype == "fp32":
            weights = {layer: LinearProbe(10.0, standardize=True).fit_moments(v).weights for layer, v in m.items()}
        r[dtype] = np.array([Agreement.of(*weights[layer], m[layer]).r for layer in m])
        result[dtype] = {
            "seconds": round(seconds, 2),
            "audio_seconds_per_second": round(len(files) * SECONDS / seconds),
            "model_flop_per_second": flops_per_second() * len(files) * SECONDS / seconds,
        }
        if options.device == "cuda":
            torch_dtype = torch.bfloat16 if dtype == "bf16" else torch.float32
            rate = matrix_rate(options.device, torch_dtype)
            result[dtype]["matrix_rate"] = rate
            result[dtype]["share_of_matrix_rate"] = round(result[dtype]["model_flop_per_second"] / rate, 3)

    plain = open_encoder("wav2vec2-large@random", device=options.device)

    def store() -> None:
        for samples, rate_hz in files[: options.plain_files]:
            states = plain.encode(samples, rate_hz)
            arrays = {f"layer_{k}": x.cpu().numpy().astype(np.float16) for k, x in states.layers.items()}
            np.savez_compressed(io.BytesIO(), **arrays)

    seconds, _ = timed(store)
    per_second = options.plain_files * SECONDS / seconds
    result["plain_audio_seconds_per_second"] = round(per_second, 1)
    result["ratio_bf16_to_plain"] = round(result["bf16"]["audio_seconds_per_second"] / per_second, 1)
    result["largest_r_difference_bf16_fp32"] = float(np.abs(r["bf16"] - r["fp32"]).max())
    write("gpu", result)


if __name__ == "__main__":
    main()
