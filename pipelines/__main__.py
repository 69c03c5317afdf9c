"""``python -m pipelines`` is ``har``."""

from pipelines.cli.main import main

main()
