"""Turns a matplotlib figure into a small PNG. Figures belong to the packages that draw them."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

DPI = 90
_NUM_COLOURS = 64


def as_png(figure: Figure) -> bytes:
    """``figure`` as PNG bytes.

    Without pyplot, whose global state is not thread-safe; with few colours, which takes a third of the bytes.
    """
    drawn, picture = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(_NUM_COLOURS).save(picture, format="png", optimize=True)
    return picture.getvalue()
