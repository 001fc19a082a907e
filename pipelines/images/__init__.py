"""pipelines.images.transforms."""
