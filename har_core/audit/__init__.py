"""The content audit: finds damage, copies and breaks in the recordings of any set. See ``docs/audit.md``."""
