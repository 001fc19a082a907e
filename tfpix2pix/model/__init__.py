"""What one training step changes, and the step itself.

state.py              all that a checkpoint saves: networks, optimizers, pools, step counter
step.py               the train step: batch in, metrics out
gradients.py          of both networks, for one batch or a part of it
turn.py               what a step does, from its number
augmentation.py       what the discriminator sees of a pair, changed at random
adaptive_strength.py  how likely the augmentation is
objective.py          the losses of a step, each with its weight
updates/              how weights change once there are gradients
image_pool.py         the history of generated pairs
"""
