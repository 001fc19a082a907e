"""What a run leaves on the disk, and how it is read again.

claim               makes sure that a training may write into its run directory
lock                lets one training at a time write there
config_json         config.json: the options
history             history.jsonl: what was changed after the run was begun
epochs              how many epochs are done after a step, also where the number of pairs was changed
change              changes config.json, data.json and history.jsonl together
data_json           data.json: the pairs that the run has
lost_pairs          lost/: training pairs that can no longer be read
journal             what the training reported: log.jsonl, tensorboard/, lines on the terminal
log_jsonl           log.jsonl: reads what was reported
event_files         tensorboard/: charts, samples, texts, the options
options_shown       the options of a run, as TensorBoard shows them
sessions            sessions.jsonl: when the training was begun, resumed and stopped
run_facts           what a run is, in short texts for people
checkpoints         checkpoints/: saves, restores, keeps the newest and the best
checkpoint_parts    what each worker writes and reads of a checkpoint
imported            makes a run directory of networks that another program trained
trained_generator   rebuilds the generator from a checkpoint
trained_weights     reads the weights of both networks from a checkpoint
init_json           what was taken of the weights that the run began with
kept_pairs          kept_pairs/: some validation pairs, so that exports need no data
"""
