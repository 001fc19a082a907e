"""pipelines.sharding.shard."""
