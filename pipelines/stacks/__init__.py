"""Stacks of slices, and time series: files (Z, H, W[, C]) of which each slice is a picture.

npy_axes   whether an array is a stack: axes that were said, or the rule for arrays that do not say
stack      an open stack, read slice by slice
slices     slices of two stacks, with neighbors as channels, that read as a file
pairs      the slices of pairs of stacks, as a set of images
opening    turns a split of stacks into one of their slices
metadata   voxel size, channel names and the like: read, and written again
canvas     a stack of results, written slice by slice
"""
