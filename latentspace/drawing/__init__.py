"""Arrays in, pages out."""
