"""The assets from the source's files to the splits."""
