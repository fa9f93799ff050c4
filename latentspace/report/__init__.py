"""What a look at a run, or at two, leaves behind beside its pictures: numbers and a page."""

from latentspace.report.comparison import TABLE, format_table, write_comparison
from latentspace.report.metrics import METRICS, write_metrics
from latentspace.report.page import PAGE, announce_page, write_comparison_page, write_page

__all__ = [
    "METRICS",
    "PAGE",
    "TABLE",
    "announce_page",
    "format_table",
    "write_comparison",
    "write_comparison_page",
    "write_metrics",
    "write_page",
]
