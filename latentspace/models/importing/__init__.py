"""A person's own Keras model -> a run: inspect it, plan how to cut it, build its two networks."""
