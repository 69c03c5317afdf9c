"""The Python of docs/export.md answers with an exported model, and needs nothing of har."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from exported_graphs import NUM_TIMEPOINTS, SPEC, graph_of
from torch import nn

from har_core.export.onnx import OPSET, export

PAGE = Path(__file__).parents[1] / "docs" / "export.md"


def test_the_lines_answer(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    assert "har" not in code
    network = nn.Sequential(nn.Flatten(), nn.Linear(NUM_TIMEPOINTS * SPEC.num_channels, SPEC.num_activities))
    exported = export(graph_of(network, tmp_path), SPEC, NUM_TIMEPOINTS, tmp_path / "model.onnx")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    names = ast.literal_eval(done.stdout)
    assert len(names) == 2
    assert set(names) <= set(SPEC.activities)
    assert f"opset {OPSET}" in text
    for name, detail in exported.details.items():
        assert name in text, detail
