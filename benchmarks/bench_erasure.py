"""The erasure path at the size of the paper's models, with random weights: speed does not depend on what was learned.

Hears the bundled corpus, fits LEACE and random erasers from moments, erases at several depths with and without
replaying what lies before, and checks that layers before the erased one are the same to the bit.

    python benchmarks/bench_erasure.py [--model xls-r-300m@random] [--device cuda] [--each 8] [--depths 4]
    python benchmarks/bench_erasure.py --device cpu --dtype fp32 --each 2 --depths 2 --speakers 6 --name erasure_cpu
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from common import timed, write

from articulens.corpora import open_corpus
from articulens.corpora.audio import audio_duration
from articulens.encoders import open_encoder
from articulens.encoders.changing import Replay, changing
from articulens.erasure import Whitener, gather, leace
from articulens.erasure.experiment import Plan, erase, few, spread


def main() -> None:
    """Measure each step and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="xls-r-300m@random")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--each", type=int, default=8, help="utterances of each speaker")
    parser.add_argument("--speakers", type=int, default=18, help="so many at most")
    parser.add_argument("--depths", type=int, default=4, help="layers erased at")
    parser.add_argument("--name", default="erasure", help="of the file in results/")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("bench_erasure: no GPU on this machine; nothing measured (--device cpu goes through with less speech).")
        return
    encoder = open_encoder(options.model, device=options.device, dtype=options.dtype)
    at = spread(encoder.layers, options.depths)
    speech = open_corpus("bundled")
    speech = few(speech.select(speaker=list(speech.speakers)[: options.speakers]), options.each)
    seconds = sum(audio_duration(u.audio) for u in speech)

    def wait() -> None:
        if options.device == "cuda":
            torch.cuda.synchronize()

    items = [speech.read_audio(u) for u in speech.utterances[:16]]
    encoder.encode_batch(items)  # warm up
    result: dict = {
        "model": options.model, "device": options.device, "dtype": options.dtype,
        "layers": len(encoder.layers), "width": encoder.width,
        "parameters": sum(p.numel() for p in encoder._model.parameters()),  # type: ignore[attr-defined]
        "erased_at": at, "audio_s": round(seconds, 1), "speakers": len(speech.speakers),
    }  # fmt: skip
    taken, concepts = timed(lambda: gather(speech, encoder))
    result["gather_s"] = round(taken, 2)
    m = concepts.of("articulation", at[0], speech.speakers)
    taken, axes = timed(lambda: Whitener(m))
    result["eigendecomposition_s"] = round(taken, 3)
    taken, eraser = timed(lambda: leace(m, whitener=axes))
    result["leace_s"] = round(taken, 4)

    change = {at[-1]: eraser.on(options.device)}
    intact = encoder.encode_batch(items)

    def run() -> list:
        with changing(encoder, change):
            states = encoder.encode_batch(items, keep_on_device=True)
        wait()
        return states

    plain_s, changed = timed(run)
    before = encoder.layers[: encoder.layers.index(at[-1])]
    result["layers_before_bit_identical"] = all(
        torch.equal(a[layer], b[layer].cpu()) for a, b in zip(intact, changed, strict=True) for layer in before
    )
    replay = Replay(encoder)
    with replay.listening():
        encoder.encode_batch(items)

    def resumed() -> list:
        with replay.resuming(at[-1]):
            return run()

    replayed_s, again = timed(resumed)
    result["replay_bit_identical"] = all(
        torch.equal(a[encoder.layers[-1]], b[encoder.layers[-1]]) for a, b in zip(changed, again, strict=True)
    )
    result["erased_pass_s"], result["replayed_pass_s"] = round(plain_s, 3), round(replayed_s, 3)

    plan = Plan(at, [("articulation", 10), ("mel", 10), ("speaker", 10)], draws=2)
    taken, (damage, residual) = timed(lambda: erase(few(speech, 1), encoder, concepts, plan, [], folds=3, units=50))
    result["experiment_s"] = round(taken, 1)
    result["erasures"] = len(damage.groupby(["layer", "method", "concept", "draw", "fold"]))
    training = residual[(residual["probe"] == "refit, training") & (residual["concept"] == "articulation")]
    result["r_after_training"] = round(float(training["r"].max()), 6)
    result["finite"] = bool(np.isfinite(damage["damage"]).all())
    write(options.name, result)


if __name__ == "__main__":
    main()
