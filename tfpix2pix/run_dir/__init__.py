"""What a run leaves on the disk, and how it is read again.

claim               makes sure that a training may write into its run directory
lock                lets one training at a time write there
config_json         config.json: the options
data_json           data.json: the pairs that the run was begun with
lost_pairs          lost/: training pairs that can no longer be read
journal             log.jsonl and tensorboard/: what the training reported
checkpoints         checkpoints/: saves, restores, keeps the newest and the best
checkpoint_parts    what each worker writes and reads of a checkpoint
trained_generator   rebuilds the generator from a checkpoint
"""
