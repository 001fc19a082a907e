"""How good generated images are: metrics, the networks that some of them need, baselines and intervals."""
