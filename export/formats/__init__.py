"""export.formats."""
