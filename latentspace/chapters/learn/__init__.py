"""How the model learned: a film, a map that moves, a curve."""
