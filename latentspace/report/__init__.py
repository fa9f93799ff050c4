"""What a visualization run leaves behind: pictures, their records, numbers and a page."""

from latentspace.report.metrics import METRICS, write_metrics
from latentspace.report.page import PAGE, write_comparison_page, write_page
from latentspace.report.visualization import write_pair, write_projector, write_story

__all__ = [
    "METRICS",
    "PAGE",
    "write_comparison_page",
    "write_metrics",
    "write_page",
    "write_pair",
    "write_projector",
    "write_story",
]
