"""The comparison report: a self-contained page, Markdown, figures as JSON, tables of scores as Parquet and as LaTeX."""

FILES = ("report.html", "report.md", "report.json", "scores.parquet", "scores_by_activity.parquet", "tables.tex")
"""What a report is written as."""
