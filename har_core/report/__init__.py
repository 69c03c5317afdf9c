"""The comparison report: a self-contained page, Markdown, figures as JSON, and the scores of every training."""

FILES = ("report.html", "report.md", "report.json", "scores.parquet", "scores_by_activity.parquet")
"""What a report is written as."""
