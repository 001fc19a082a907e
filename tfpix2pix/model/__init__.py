"""What one training step changes, and the step itself.

state.py       all that a checkpoint saves: networks, optimizers, pools, step counter
step.py        the train step: batch in, metrics out
optimizer.py   Adam by TensorFlow's fused kernel, and the learning rate over time
loss_scale.py  the factor on float16 losses
image_pool.py  the history of generated pairs
"""
