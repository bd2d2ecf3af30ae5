"""Tasks in the manner of SUPERB, on weighted sums of layers of frozen encoders.

Two traps are built into the published protocol, and shown beside it: a layer of large numbers needs a small weight, so
weights are not importance (contribution is weight times length); and layers that know the same share the credit, so
what a layer is worth is what is lost without it.
"""

from __future__ import annotations

from articulens.tasks.definitions import TASKS, Task, answers, open_task, select_evenly
from articulens.tasks.features import NORMS, Features
from articulens.tasks.heads import Training
from articulens.tasks.planted import Planted
from articulens.tasks.splits import Parts, split
from articulens.tasks.summary import by_speaker, difference, drops, summarise_tasks
from articulens.tasks.weighing import ALONE, SUM, VARIANTS, WITHOUT, Weighed, weigh

__all__ = [
    "ALONE", "NORMS", "SUM", "TASKS", "VARIANTS", "WITHOUT", "Features", "Parts", "Planted", "Task", "Training",
    "Weighed", "answers", "by_speaker", "difference", "drops", "open_task", "select_evenly", "split",
    "summarise_tasks", "weigh",
]  # fmt: skip
