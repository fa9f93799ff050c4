"""What a visualization run leaves behind: pictures, their records, numbers and a page."""
