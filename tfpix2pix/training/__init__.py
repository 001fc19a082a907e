"""One training, from its newest checkpoint to its last step.

session        train(): lock, agree, open, claim, then the steps
open_data      opens the pairs, and checks that all workers have the same
feed           gives batches to the steps and to validation, also when a pair can no longer be read
loop           a step, then the actions
actions        what happens after a step: log, validate, save
validation     translates and measures the val split
agreement      has all workers stop after the same step
interruption   turns SIGTERM and Ctrl-C into a request to stop
finish         draws the curves and prints where the results are
"""
