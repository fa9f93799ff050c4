"""A page on which both maps can be explored, image by image."""
