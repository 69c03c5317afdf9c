"""The content audit: finds damage, copies and breaks in recordings, whatever set they belong to. ``docs/audit.md``."""
