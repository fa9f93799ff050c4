"""Blending pixels against walking between codes."""
