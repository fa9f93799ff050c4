"""Train a convolutional autoencoder and look into its latent space."""
