"""Arrays in, frames out."""
