"""Image files of one format each -> numbers.

`raster` says what all of them give; `codecs`, one room up, chooses among them by a file's first bytes.
"""
