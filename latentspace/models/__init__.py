"""Networks, runs on disk, files of Keras, and the reference classifier."""
