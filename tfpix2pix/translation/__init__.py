"""Pictures of any size through a trained generator.

options            the options of sizes: fit, output_size, tile, memory
fit_choice         pad or resize, by the scale of training
source_numbers     whether sources have numbers as in training
translator         arrays, files and videos: whole or in tiles
whole              whole pictures, in batches that fit into memory
large              pictures that need tiles, from a file onto a canvas
any_size           pictures whose sides no generator takes: reflected, translated, cut
stack_results      stacks, slice by slice
tiled              pictures larger than memory, tile by tile
shared_statistics  the norms' statistics of a whole picture, from its tiles
memory_budget      how many pixels are translated at a time
uncertain_results  which passes a run's uncertainty takes, and its files
uncertainty        how sure it is: mean and spread over dropout masks, mirrors and turns
"""
