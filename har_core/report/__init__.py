"""The comparison report: one self-contained page, the same as Markdown, and its figures as JSON."""
