"""Drawing: arrays in, uint8 frames out. `registry` lists every picture there is."""
