"""pipelines.system."""
