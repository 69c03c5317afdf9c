"""Blocks that several architectures share. A block that only one of them uses stays in its file."""
