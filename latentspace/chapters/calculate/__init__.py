"""Sums of codes, class transfer, axes of latent space, and new images."""
