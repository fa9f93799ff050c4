"""Arrays in, numbers or coordinates out."""
