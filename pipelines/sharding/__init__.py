"""Image files to shards, on one machine or on many.

shard      packs image files into shards
resizing   resizes pairs before they are packed
blocks     cuts images into blocks, each done once
inventory  counts what a set of images contains
beam       runs a function over many blocks by Apache Beam
"""
