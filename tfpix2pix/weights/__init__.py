"""The weights of a network, apart from the network: from and to files of other programs.

network_weights  the weights of a network by the names of our variables, and the options that they imply
fit              what a network of other widths, depth or channels takes of them
layer_inputs     what each convolution takes in
channels         features to features and colors to colors, along one axis
keras_file       reads .keras and .weights.h5
weight_file      reads and writes files: .pth, .safetensors
torch/           files of PyTorch
"""
