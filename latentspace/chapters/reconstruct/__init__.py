"""How well the model reconstructs what it has never seen."""
