"""What a visualization run leaves behind: pictures, their records, numbers and a page."""

from latentspace.report.visualization import write_pair, write_projector, write_story

__all__ = ["write_pair", "write_projector", "write_story"]
