"""Data sets that a TOML file describes, the card: text files under any names, with any columns."""
