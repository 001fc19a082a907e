"""Which devices and processes compute a training, and how fast.

strategy     picks the devices of this process, and shares batches out to them
cluster      reads the workers from TF_CONFIG or Slurm, and ends the process when one is lost
rendezvous   waits until all workers have started
workers      lets the workers agree, and wait for one another
speed        times the step, the generator and the input pipeline
"""
