"""The comparison report: one self-contained page, the same as Markdown, and its figures as JSON."""

from har_core.report.build import Report, build_report, write_report
from har_core.report.inputs import DataRun, FoldEntry, ReportEntry, ReportInputs, WindowCounts

__all__ = [
    "DataRun",
    "FoldEntry",
    "Report",
    "ReportEntry",
    "ReportInputs",
    "WindowCounts",
    "build_report",
    "write_report",
]
