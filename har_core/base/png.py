"""A matplotlib figure as a small PNG. What is drawn is the caller's business."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

DPI = 90
_NUM_COLOURS = 64


def as_png(figure: Figure) -> bytes:
    """Without pyplot, whose global state is not safe in threads; with few colours, for a third of the bytes."""
    drawn, picture = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(_NUM_COLOURS).save(picture, format="png", optimize=True)
    return picture.getvalue()
