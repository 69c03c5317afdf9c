"""What the weights of a model take where their zeros are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Bytes of parameters and buffers, without what a file adds."""

    dense: int
    csr: int
    """Compressed sparse rows: of each matrix its values, a column for each of them, and where each row begins."""
    bitmap: int
    """Of each matrix its values, and a bit for each place that says whether one stands there."""

    def __add__(self, other: StoredBytes) -> StoredBytes:
        return StoredBytes(dense=self.dense + other.dense, csr=self.csr + other.csr, bitmap=self.bitmap + other.bitmap)


def stored_bytes(model: nn.Module) -> StoredBytes:
    """What all tensors of ``model`` take, on the CPU.

    Those of two dimensions or more are stored as matrices, a row for each output; others are dense in every form.
    """
    return sum(map(_of_tensor, model.state_dict().values()), StoredBytes(dense=0, csr=0, bitmap=0))


def _of_tensor(tensor: Tensor) -> StoredBytes:
    values = tensor.detach().numpy()
    if values.ndim < 2:  # noqa: PLR2004 - no matrix
        return StoredBytes(dense=values.nbytes, csr=values.nbytes, bitmap=values.nbytes)
    matrix = values.reshape(len(values), -1)
    rows = csr_array(matrix)
    return StoredBytes(
        dense=values.nbytes,
        csr=rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes,
        bitmap=rows.data.nbytes + np.packbits(matrix != 0).nbytes,
    )
