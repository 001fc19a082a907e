"""Which devices and workers compute.

strategy.py    the devices that train, and how a batch is shared among them
workers.py     what the workers of a training tell one another
cluster.py     the workers that TF_CONFIG or Slurm name
rendezvous.py  waits until all workers are there
speed.py       times the train step, the generator and the input pipeline
"""
