"""Do the sensors sit as in a mouth? Lips before the tongue, its tip before its back, the upper lip above the lower."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from articulens.corpora.schema import SENSORS

Posture = Mapping[str, float]
FRONT_TO_BACK = (("UL", "TT"), ("LL", "TT"), ("TT", "TB"), ("TB", "TD"), ("JAW", "TB"))
HIGH_TO_LOW = (("UL", "LL"), ("TB", "LL"), ("TB", "JAW"), ("UL", "JAW"))
_SLACK_MM = 1.0


def suspicion(mean: Posture, spread: Posture) -> str:
    """Say what would make the sensors sit as in a mouth, if they do not.

    Parameters
    ----------
    mean, spread
        Position and standard deviation of each channel, mm, of one speaker.

    Returns
    -------
    str
        Empty where nothing is wrong, else a clause such as "x looks flipped" or "TT and TD look swapped".
    """
    as_it_is = _violations(mean, spread)
    if as_it_is == 0:
        return ""
    changes = enumerate(_changes(mean, spread))
    guesses = [(_violations(changed, moving), rank, text) for rank, (text, changed, moving) in changes]
    best, _, text = min(guesses, default=(as_it_is, 0, ""))
    # One rule may be broken by an unusual mouth; it is said where one change mends what is broken.
    return text if best == 0 or best <= as_it_is - 2 else ""


def mistaken(mean: Posture, usual: Posture) -> str:
    """Say how one utterance differs from the usual posture of its speaker, where a mistake explains that.

    Parameters
    ----------
    mean, usual
        Position of each channel, mm, in the utterance and in the speaker's other utterances.

    Returns
    -------
    str
        Empty, or a clause.
    """
    now = _distance(mean, usual)
    if not now > 5:
        return ""
    changes = enumerate(_changes(mean, {}))
    guesses = [(_distance(changed, usual), rank, text) for rank, (text, changed, _) in changes]
    best, _, text = min(guesses, default=(now, 0, ""))
    if best < 0.35 * now:
        return text
    return f"its sensors lie {now:.0f} mm from where they lie in the speaker's other recordings" if now > 20 else ""


def _changes(mean: Posture, spread: Posture) -> list[tuple[str, Posture, Posture]]:
    """List the usual mistakes, and what mean and spread would be without each."""
    axes = [axis for axis in "xzy" if any(name.endswith(f".{axis}") for name in mean)]
    sensors = [s for s in SENSORS if any(name.startswith(f"{s}.") for name in mean)]
    changes = [(f"{axis} looks flipped", _flip(mean, axis), spread) for axis in axes]
    for a, b in combinations(sensors, 2):
        changes.append((f"{a} and {b} look swapped", _swap(mean, a, b), _swap(spread, a, b)))
    if "y" in axes:
        for a, b in (("y", "z"), ("x", "z"), ("x", "y")):
            changes.append((f"{a} and {b} look exchanged", _exchange(mean, a, b), _exchange(spread, a, b)))
    return changes


def _violations(mean: Posture, spread: Posture) -> int:
    broken = 0
    for axis, pairs in (("x", FRONT_TO_BACK), ("z", HIGH_TO_LOW)):
        for a, b in pairs:
            # A comparison with NaN, or of a sensor that is not there, breaks nothing.
            difference = mean.get(f"{a}.{axis}", float("nan")) - mean.get(f"{b}.{axis}", float("nan"))
            broken += difference < -_SLACK_MM
    broken += spread.get("UL.z", float("nan")) > 1.2 * spread.get("LL.z", float("nan"))  # the lower lip moves more
    for sensor in ("TT", "TB", "TD", "LL"):
        broken += spread.get(f"{sensor}.y", float("nan")) > 1.5 * spread.get(f"{sensor}.z", float("nan"))
    return broken


def _distance(a: Posture, b: Posture) -> float:
    squares = [(a[name] - b[name]) ** 2 for name in b if name in a and a[name] == a[name] and b[name] == b[name]]
    return float((sum(squares) / len(squares)) ** 0.5) if squares else 0.0


def _flip(values: Posture, axis: str) -> Posture:
    return {name: -value if name.endswith(f".{axis}") else value for name, value in values.items()}


def _swap(values: Posture, a: str, b: str) -> Posture:
    other = {a: b, b: a}
    parts = {name: name.split(".") for name in values}
    return {f"{other.get(s, s)}.{axis}": values[name] for name, (s, axis) in parts.items()}


def _exchange(values: Posture, a: str, b: str) -> Posture:
    other = {a: b, b: a}
    parts = {name: name.split(".") for name in values}
    return {f"{sensor}.{other.get(axis, axis)}": values[name] for name, (sensor, axis) in parts.items()}
