"""Defines the options of what is written, and when."""

import dataclasses

from tfpix2pix.options.option import option
from tfpix2pix.quality.metrics import BEST_BY


@dataclasses.dataclass(frozen=True)
class Output:
    """Options of logs, validation and checkpoints."""

    log_every: int = option(10, "steps between two logged lines", minimum=1, change="freely")
    tensorboard_every: int = option(
        0, "steps between two points in TensorBoard's charts; 0: as many as log_every", minimum=0, change="freely"
    )
    validate_every: int = option(
        0,
        "epochs between two validations, with their samples; 0: every epoch, or as many as have 20 steps",
        minimum=0,
        change="freely",
    )
    patience: int = option(
        0,
        "stop when best_by has not improved for so many validations; 0: train to the last epoch",
        minimum=0,
        change="freely",
    )
    save_every_epochs: int = option(
        0, "epochs between two checkpoints; 0: one after each validation", minimum=0, change="freely"
    )
    keep_every: int = option(
        0, "epochs between two checkpoints that are kept for good; 0: none is", minimum=0, change="freely"
    )
    checkpoint_every: int = option(
        1000, "steps between two checkpoints, besides those at epochs' ends", minimum=1, change="freely"
    )
    keep_checkpoints: int = option(2, "newest checkpoints that are kept, besides the best", minimum=1, change="freely")
    best_by: str = option(
        "l1",
        "validation metric by which the best checkpoint is chosen; lpips, fid and kid need published weights; "
        "pixel_accuracy, class_accuracy and class_iou need target_labels, iou target_mask, and f1 one of these",
        choices=(*BEST_BY,),
        change="freely",
    )
    inception_weights: str = option(
        "", "file of FID's and KID's network; default: fetched to data_dir", change="machine"
    )
    alexnet_weights: str = option("", "file of LPIPS' network; default: fetched to data_dir", change="machine")
    lpips_weights: str = option("", "file of LPIPS' linear layers; default: fetched to data_dir", change="machine")
    samples: int = option(6, "validation pairs in the pictures of samples/", minimum=1, change="freely")
    validation_batch_size: int = option(
        8, "images that validation translates at a time; fewer of large ones", minimum=1, change="freely"
    )
