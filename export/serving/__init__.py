"""export.serving."""
