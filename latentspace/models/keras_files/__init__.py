"""Files of Keras, read without running anything that is in them."""
