"""One image in memory.

transforms   converts channels, splits, resizes, normalizes and encodes
codecs       reads and writes files of every format, each in formats/
pair_format  reads a side-by-side file, or two files, as a source and a target
byte_pair    resizes and crops pairs of 8 bits as bytes
image_format  reads the file of one side as numbers, and goes back
readers      chooses who reads a file: TensorFlow's kernels, or Python
kernels      reads JPEG and PNG files by TensorFlow's kernels
metadata     finds EXIF data and color profiles, in graphs
orientation  turns images upright, in graphs
rare         keeps what is rarely needed out of the way of graphs
packed_pair  packs the two files of a pair into one string of bytes
header       checks an image's header before decoding
size         checks sizes, and makes flags of them
value_range  reads which stored numbers are black and white
color        reads colors
choices      the directions and the resize methods, by name
labels       makes one-hot channels of label maps, and indices of these
label_colors the colors of label maps
display      chooses what people see of many channels, labels and alpha
statistics   counts the stored numbers of many images
seam         tells a pair from a single image
detail       measures what a smaller size loses
figure       draws images as a figure
"""
