"""Measures trained generators on a split, and writes what was found.

measure_options  the options that evaluate and compare share
evaluate_run     evaluate(run_dir): the checkpoints of one run, beside baselines
compare_runs     compare(run_a, run_b): several runs on the same images
contenders       reads which runs a comparison names
subject          the split and the networks that a measurement is made on
metric_networks  opens the trained networks that some metrics need
columns          what is measured side by side: generators and baselines
write_results    JSON, CSV, page and printed tables
"""
