"""Figures stay readable to colour-blind readers: their colours are simulated, and must still be told apart."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from articulens.drawing import STYLES
from articulens.figures_audit import DOWN, LEVEL, UP

LOOK = Path(__file__).parents[2] / "book" / "_static" / "look" / "look.css"
# Machado, Oliveira and Fernandes (2009), table 1, severity 1.0: what is left of linear RGB.
SIMULATIONS = {
    "full colour": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
#: A difference of about 2.3 can just be seen in patches side by side (Mahy et al. 1994); marks lie apart.
TOLD_APART = 15


def linear(colours) -> np.ndarray:
    rgb = np.array([to_rgb(colour) for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB, white point D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = np.clip(rgb, 0, 1) @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def smallest_difference(colours, simulation: str) -> float:
    seen = lab(linear(colours) @ np.array(SIMULATIONS[simulation]).T)
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))


def look(theme: str) -> dict[str, str]:
    sheet = LOOK.read_text(encoding="utf-8")
    light, dark = re.findall(r"\.look \{(.*?)\}", sheet, re.S)[:2]
    return dict(re.findall(r"--look-(\w+): (#\w+)", dark if theme == "dark" else light))


@pytest.mark.parametrize("simulation", SIMULATIONS)
@pytest.mark.parametrize(
    "colours",
    [
        [colour for colour, _, _ in STYLES[:5]],
        [LEVEL, DOWN, UP],
        [look("light")[name] for name in "abc"],
        [look("dark")[name] for name in "abc"],
    ],
    ids=["figures", "audit", "pages, light", "pages, dark"],
)
def test_categories_are_told_apart(colours, simulation: str) -> None:
    assert smallest_difference(colours, simulation) > TOLD_APART


def test_the_simulation_tells_a_bad_palette() -> None:
    red, green = "#d62728", "#7f7f00"
    assert smallest_difference([red, green], "full colour") > 50
    assert smallest_difference([red, green], "deuteranopia") < TOLD_APART


def test_colour_is_never_alone() -> None:
    assert len({marker for _, marker, _ in STYLES}) == len(STYLES)
    assert len({(colour, line) for colour, _, line in STYLES}) == len(STYLES)
    assert all(a[2] != b[2] for a, b in pairwise(STYLES)), "neighbours have other lines"


@pytest.mark.parametrize("simulation", SIMULATIONS)
@pytest.mark.parametrize("name", ["viridis", "cividis"])
def test_more_is_lighter_in_every_heatmap(name: str, simulation: str) -> None:
    colours = mpl.colormaps[name](np.linspace(0, 1, 12))
    lightness = lab(linear(colours) @ np.array(SIMULATIONS[simulation]).T)[:, 0]
    assert (np.diff(lightness) > 2).all()


@pytest.mark.parametrize(("theme", "page"), [("light", "#ffffff"), ("dark", "#121212")])
def test_marks_stand_out_from_the_page(theme: str, page: str) -> None:
    luminance = linear([page, *(look(theme)[name] for name in "abc")]) @ [0.2126, 0.7152, 0.0722] + 0.05
    contrast = np.maximum(luminance[1:], luminance[0]) / np.minimum(luminance[1:], luminance[0])
    assert (contrast >= 3).all()
