"""From images and settings to an encoder and a decoder."""
