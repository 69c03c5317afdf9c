"""Windows: recordings cut into pieces of one length, as Parquet and as tensors."""

from typing import TYPE_CHECKING

from har_core.base.facade import on_demand

if TYPE_CHECKING:
    from har_core.windows.dataset import write_windows as write_windows
    from har_core.windows.segmentation import segment as segment
else:
    __getattr__ = on_demand(__name__, {"segment": "segmentation", "write_windows": "dataset"})
