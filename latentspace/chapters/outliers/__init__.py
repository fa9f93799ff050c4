"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""
