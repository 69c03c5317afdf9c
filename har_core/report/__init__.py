"""The comparison report: a page that needs nothing beside it, Markdown, JSON, tables for a paper, and all scores."""

FILES = ("report.html", "report.md", "report.json", "tables.tex", "scores.parquet", "scores_by_activity.parquet")
"""What a report is written as."""
SCHEMA_VERSION = 1
"""Of ``report.json``; rises when a part goes away or changes its meaning."""
