"""Codes as a way to store images."""
