"""Which heavy packages a command imports: imports are most of the time that a command takes."""

import sys
from pathlib import Path

HEAVY = {
    *("dagster", "grimp", "matplotlib", "mlflow", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn"),
    *("sqlalchemy", "sympy", "torch", "torch._dynamo"),
}
LISTING = """
import atexit, sys
atexit.register(lambda: open(sys.argv[1], "w").write(" ".join(sys.modules)))
from pipelines.cli.main import main
main(sys.argv[2:])
"""


def listing(path: Path, *command: str) -> list[str]:
    """How ``har command`` is started so that it writes what it has imported to ``path`` as it ends."""
    return [sys.executable, "-c", LISTING, str(path), *command]


def heavy_in(path: Path) -> set[str]:
    """The heavy packages of a listing."""
    return HEAVY & set(path.read_text(encoding="utf-8").split())
