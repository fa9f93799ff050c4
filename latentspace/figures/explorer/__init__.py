"""A page of two linked maps, in one file that needs nothing else."""

from latentspace.figures.explorer.page import draw_explorer

__all__ = ["draw_explorer"]
