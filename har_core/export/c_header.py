"""A C header of a small int8 network, for microcontrollers with a floating-point unit.

Products are of int8 weights with int8 values, summed up in int32, as integer engines compute them (B. Jacob et al.,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018). Between
them stands float32: a sum times its scale plus the bias, then the ReLU, then the rounding to the next int8, in the
order in which PyTorch computes an int8 model. A fixed-point multiplier in its place, as that paper has it, would be
another rounding, and a sum around a block needs float32 anyway.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import fx, nn

from har_core.base.files import write_text
from har_core.base.text import printable
from har_core.export.c_memory import place
from har_core.export.c_reading import read_program
from har_core.export.c_steps import Buffer, Product
from har_core.export.exported import Exported
from har_core.inference.classifier import weights_version
from har_core.spec.dataset import DatasetSpec

_WIDTH = 116
"""Of lines of text."""
_C_TYPES = {"f": "float", "b": "int8_t", "H": "uint16_t"}
"""By NumPy's letters."""
_PER_LINE = {"f": 6, "b": 20, "H": 16}


def export(graph: nn.Module, spec: DatasetSpec, window_length: int, path: Path) -> Exported:
    """Write ``graph``, an int8 model of raw windows (N, T, C), to ``path`` as a C header that needs nothing else.

    Raises:
        InputError: it is no int8 model, or no network of the few operators that the header has; nothing is written.
        StorageError: ``path`` cannot be written.
    """
    assert isinstance(graph, fx.GraphModule)  # noqa: S101 - as load_graph makes them
    program = read_program(graph, spec, window_length)
    starts, ram_bytes = place(program)
    flash_bytes = sum(array.nbytes for step in program.steps for array in step.constants)
    macs = sum(step.macs for step in program.steps if isinstance(step, Product))
    environment = _environment(partial(_pointer, program.logits, starts))
    text = environment.get_template("model.h.j2").render(
        steps=[(type(step).__name__, step) for step in program.steps],
        spec=spec,
        origin=[*_origin_lines(spec, weights_version(graph))],
        channels=[*_channel_lines(spec)],
        window_length=window_length,
        flash_bytes=flash_bytes,
        ram_bytes=ram_bytes,
        macs=macs,
    )
    write_text(path, text)
    return Exported(
        path=path,
        num_bytes=len(text.encode()),
        details={
            "flash": f"{flash_bytes:,} bytes of weights and constants, and the program",
            "RAM": f"{ram_bytes:,} bytes, and {4 * window_length * spec.num_channels:,} of the window",
            "multiply-adds": f"{macs:,}",
        },
    )


def _environment(pointer: Callable[[Buffer], str]) -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=False,  # noqa: S701 - it is no page; _comment and _quoted are for text from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "array": _array,
        "comment": _comment,
        "literal": _literal,
        "pointer": pointer,
        "quoted": _quoted,
    }
    return environment


def _pointer(logits: Buffer, starts: Mapping[Buffer, int], buffer: Buffer) -> str:
    """Where a buffer begins; the logits lie where the answer will."""
    if buffer is logits:
        return "probabilities"
    return f"bytes + {starts[buffer]}" if buffer.is_int8 else f"har_memory + {starts[buffer] // 4}"


def _origin_lines(spec: DatasetSpec, version: str) -> Iterator[str]:
    yield f"weights:       {version} (SHA-256, as of the registered model)"
    if spec.citation:
        yield from textwrap.wrap(f"data:          {spec.citation}", _WIDTH, subsequent_indent=" " * 15)
    if spec.licence:
        yield f"data licence:  {spec.licence}"


def _channel_lines(spec: DatasetSpec) -> Iterator[str]:
    width = max(map(len, spec.channel_names))
    for number, channel in enumerate(spec.channels):
        quantity = " ".join(filter(None, (channel.sensor, channel.axis)))
        words = ", ".join(filter(None, (spec.words_of_place(channel.place), quantity, channel.unit)))
        yield f"{number:4}  {channel.name:{width}}  {words}"


def _array(name: str, values: npt.NDArray[np.generic]) -> str:
    """The definition of a constant array with the numbers of ``values``, without its shape."""
    kind = values.dtype.char
    numbers = [_literal(value) if kind == "f" else str(value) for value in values.ravel().tolist()]
    starts = range(0, len(numbers), _PER_LINE[kind])
    lines = ",\n".join("    " + ", ".join(numbers[start : start + _PER_LINE[kind]]) for start in starts)
    return f"static const {_C_TYPES[kind]} {name}[{len(numbers)}] = {{\n{lines}\n}};"


def _literal(value: float) -> str:
    """A float32 in nine digits, of which the compiler makes the same one."""
    return f"{value:.8e}f"


def _comment(text: str) -> str:
    """Text that ends no comment and begins none."""
    return printable(text).replace("*/", "* /").replace("/*", "/ *")


def _quoted(text: str) -> str:
    """Text as it stands in a string of C, where two question marks could be part of a trigraph."""
    return re.sub(r'([\\"?])', r"\\\1", printable(text))
