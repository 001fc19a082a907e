"""Measures how good generated images are; takes plain arguments.

metrics        the metrics by name, and the image sizes that they need
measure        measures columns of images over a split, in one pass
image_metrics  L1, PSNR, SSIM and MS-SSIM of single images
label_metrics  accuracy, IoU and F1 of label maps and masks
tally          collects what measure takes, and computes the metrics
signs          signs of failure: variety, saturation, checkerboard, nearest training target
fid            the Fréchet inception distance
kid            the kernel inception distance
segmentation   the paper's segmentation score
baselines      mean target and nearest neighbor, which need no training
bootstrap      intervals of means and differences
"""
