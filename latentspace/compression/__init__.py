"""Images in few bytes: quantised codes, image files, and what to read off their curves."""
