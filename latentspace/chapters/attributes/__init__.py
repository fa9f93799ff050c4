"""What images have: changed along directions of latent space, and carried from one to another."""
