"""Maps of pixels against maps of codes: by several methods, of a few classes, with images on."""
