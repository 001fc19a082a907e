"""Counts the operations of one training step as it is built for a GPU, and looks for one that would run on the host.

    python docs/step_operations.py [OPTION=VALUE ...]

Options are those of training, such as mixed_precision=float16. No GPU is needed, but a TensorFlow that has their
kernels: `tensorflow`. `tensorflow-cpu` has none, and only counts.
"""

import collections
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tensorflow as tf
from absl import flags
from tensorflow.python.eager import context
from tensorflow.python.framework import kernels

from tfpix2pix.config import config_from_flags, define_config_flags
from tfpix2pix.devices.strategy import make_strategy
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.networks.layers import convolution, normalization

# They say where a function begins and ends, and compute nothing.
BOUNDS = ("_Arg", "_Retval", "NoOp")


def main() -> None:
    """Prints both counts, and the operations without a kernel for GPUs."""
    for module in (convolution, normalization):
        module.use_products = lambda: False  # as on a machine with a GPU
    define_config_flags()
    flags.FLAGS([sys.argv[0], *(f"--{option}" for option in sys.argv[1:])])
    config = config_from_flags(flags.FLAGS).resolved()
    strategy = make_strategy(config)
    step = make_train_step(Pix2Pix(config, strategy, total_steps=1000), strategy)
    source, target = (
        tf.zeros((config.batch_size, *config.image_size, channels))
        for channels in (config.source_channels, config.target_channels)
    )
    context.context().enable_run_metadata()
    step(source, target)
    functions = context.context().export_run_metadata().function_graphs
    graphs = max(functions, key=lambda function: len(function.pre_optimization_graph.node))
    built = graphs.pre_optimization_graph
    run = [node for graph in graphs.partition_graphs for node in graph.node if node.op not in BOUNDS]
    nodes = [*built.node, *(node for function in built.library.function for node in function.node_def)]
    if any(kernel.device_type == "GPU" for kernel in kernels.get_registered_kernels_for_op("Conv2D").kernel):
        without = collections.Counter(node.op for node in nodes if node.op not in BOUNDS and not has_gpu_kernel(node))
        print(f"without a kernel for GPUs: {dict(without) or 'none'}, of {len(nodes)} operations as they were built")
    print(f"{len(run)} operations a step, after TensorFlow's own optimization")


def has_gpu_kernel(node: tf.compat.v1.NodeDef) -> bool:
    """Says whether a kernel for GPUs is registered for the types of a node."""

    def fits(kernel: object) -> bool:
        return all(
            value in constraint.allowed_values.list.type
            for constraint in kernel.constraint
            for value in (node.attr[constraint.name].list.type or [node.attr[constraint.name].type])
        )

    found = kernels.get_registered_kernels_for_op(node.op).kernel
    return any(kernel.device_type in ("GPU", "DEFAULT") and fits(kernel) for kernel in found)


if __name__ == "__main__":
    main()
