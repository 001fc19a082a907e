"""Networks that others trained, and that metrics need.

inception      features for FID and KID
lpips          the distance LPIPS
rgb            images of any channels as RGB
weights        finds or downloads the published weights
torch_file     reads files of torch.save without torch
torch_objects  reads the objects in such files, and runs nothing
"""
