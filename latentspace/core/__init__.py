"""What knows nothing of models or images: errors, files, documents, cache, memory, pixels."""
