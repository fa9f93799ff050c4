"""Clusters that are found without labels."""
