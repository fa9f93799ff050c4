"""Two models beside each other: the same images through both, and which is better by what."""
