"""What every benchmark writes down: ratios measured side by side in one run, on what, with which versions."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


def timed(what: Callable[[], T]) -> tuple[float, T]:
    """Return wall seconds and result of one call."""
    started = time.perf_counter()
    result = what()
    return time.perf_counter() - started, result


def write(name: str, result: dict[str, Any]) -> None:
    """Print a result and keep it in ``benchmarks/results/NAME.json`` with the hardware and the versions."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line),
            cpu,
        )
    record = {
        **result,
        "hardware": {
            "cpu": cpu,
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("numpy", "scipy", "scikit-learn", "torch", "transformers")},
        },
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record, indent=1))
