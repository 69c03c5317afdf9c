"""Windows: recordings cut into pieces of one length, as Parquet and as tensors."""

from har_core.windows.dataset import WindowsSummary, write_windows
from har_core.windows.schema import FLAG_COLUMNS, KEY_COLUMNS, window_schema
from har_core.windows.segmentation import segment
from har_core.windows.tensors import WindowTensors, read_tensors

__all__ = [
    "FLAG_COLUMNS",
    "KEY_COLUMNS",
    "WindowTensors",
    "WindowsSummary",
    "read_tensors",
    "segment",
    "window_schema",
    "write_windows",
]
