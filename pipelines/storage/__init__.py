"""Encoded images, in files or in shards.

image_set     what every set of encoded images can do
listing       the images below a folder, and why the rest is left out
file_set      what sets of files have in common
image_files   images that are files
file_pair     the two files of a pair
paired_files  pairs whose halves are files in two folders
levels        keeps numbers as bytes if these hold them
shards        images in TFRecord shards
records       writes shards, and reads their records
manifest      describes a folder of shards
picture       a picture of any size, read by windows
canvas        a result of any size, written row by row
zarr_image    reads and writes Zarr folders
validity      reads image files, and says why bad ones are bad
kind          tells pairs from single images
input_output  inputs of a command, and the files of its results
sample        chooses some of many
"""
