"""pipelines.datasets.catalogue."""
