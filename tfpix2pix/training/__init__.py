"""One training, from its newest checkpoint to its last step.

session        train(): lock, agree, open, claim, then the steps
training       restores a model, plans its steps, takes them
open_data      opens the pairs, and checks that all workers have the same
initial_weights   reads the weights that a new run begins with, and fits them into its networks
feed           gives batches to the steps and to validation, also when a pair can no longer be read
schedule       when an epoch ends, what is validated, saved and kept
patience       stops early, when validation does not improve
plateau        lowers the learning rate then
loop           a step, then the actions
actions        what happens after a step: log, validate, save
estimate       says how long the rest will take
validation     translates and measures the val split
examination    gathers signs of failure from validation's images and the discriminator
diagnosis      warns in one line of a training that fails, by the signs in its log
agreement      has all workers stop after the same step
interruption   turns SIGTERM and Ctrl-C into a request to stop
finish         draws the curves and prints where the results are
"""
