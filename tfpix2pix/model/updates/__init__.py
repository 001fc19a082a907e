"""How weights change once there are gradients.

optimizer.py        Adam by TensorFlow's fused kernel, with weight decay and clipping
rate.py             the learning rate of a step
loss_scale.py       the factor on float16 losses
moving_average.py   the average of the generator's weights over the steps (EMA)
"""
