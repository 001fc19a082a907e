"""Measures trained generators on a split, and writes what was found.

measure_options  the options that evaluate and compare share
evaluate_run     evaluate(run_dir): the checkpoints of one run, beside baselines
evaluate_folders evaluate_folders(generated, targets): images of any program
compare_runs     compare(run_a, run_b): several runs, files or folders on the same images
contenders       reads what a comparison names
passes           what is measured together, at one size
result_folders   folders of generated images and their targets
subject          the split and the networks that a measurement is made on
label_palettes   which images are label maps in colors
metric_networks  opens the trained networks that some metrics need
columns          what is measured side by side: generators and baselines
write_results    JSON, CSV, page and printed tables
"""
