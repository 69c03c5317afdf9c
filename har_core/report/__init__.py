"""The comparison report: one self-contained page, the same in Markdown, and its figures as JSON."""
