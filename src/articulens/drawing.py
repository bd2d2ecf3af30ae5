"""What all figures share: the page's width, colours that everybody can tell apart, and how a page shows them."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

#: Inches. Narrow, so that the letters are still read where a figure is as wide as a phone.
WIDTH = 5.6
#: Colour-blind safe (Okabe and Ito), each with a marker and a line of its own.
STYLES = [
    ("#0072B2", "o", "-"), ("#D55E00", "s", "--"), ("#009E73", "^", "-."), ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"), ("#56B4E9", "P", "--"), ("#000000", "X", "-."),
]  # fmt: skip

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "articulens",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


class PageFigure(Figure):
    """A figure that a notebook shows by itself.

    Outside pyplot, which would show it a second time at the end of a cell; and without pyplot nothing has told
    IPython how to show a figure.

    Attributes
    ----------
    alt
        What it shows, in words, made from the table it was drawn from: alt text of the page.
    """

    alt: str = ""

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        drawn, small = BytesIO(), BytesIO()
        self.savefig(drawn, format="png", dpi=144)
        # 256 colours are enough for a figure and make a third of the bytes.
        Image.open(drawn).convert("RGB").quantize(256).save(small, format="png", optimize=True)
        return small.getvalue(), {"alt": self.alt} if self.alt else {}

    def _ipython_display_(self) -> None:
        """Show it as above even where a notebook imported pyplot, which tells IPython otherwise for all figures."""
        from IPython.display import display

        picture, told = self._repr_png_()
        display({"image/png": b64encode(picture).decode(), "text/plain": self.alt or "figure"},
                metadata={"image/png": told}, raw=True)  # fmt: skip


def canvas(height: float) -> tuple[PageFigure, Axes]:
    """Return an empty figure as wide as a page and `height` inches high, and its axes."""
    figure = PageFigure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def nothing(title: str) -> PageFigure:
    """Return a figure that says that there is nothing to draw, so that a page keeps its place for it."""
    figure, axes = canvas(1.0)
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)
    axes.text(0.5, 0.5, "nothing to show: see the text above", ha="center", va="center", color="0.3")
    figure.alt = f"{title}: nothing to show, see the text above." if title else "Nothing to show: see the text above."
    return figure
