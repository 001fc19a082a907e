"""Turns image files into batches of pairs.

prepare     command: fetches, draws, combines, checks and shards data sets
loader      makes batches of pairs
pairs       opens the pairs of one split, and reads them by index

datasets    published data sets and the drawn demo
sharding    image files to shards
stacks      stacks of slices, and time series
storage     image files and shards
images      one image in memory
system      terminal, disk and network
"""
