"""A package of the BioImage Model Zoo, which Fiji, ilastik, QuPath and others open.

numbers   stored numbers of test pictures, and what `translate` makes of them
tensors   what the package says of sources and results: axes, sizes, ranges, processing
samples   test input and output, pictures for people, and the tolerance of the test
weights   the two files of weights, each compared with Keras
about     name, authors, citations, data, how the training went
package   the whole package, written by bioimageio.spec
"""
