"""Networks that others trained, and that metrics and a loss need.

inception      features for FID and KID
lpips          the distance LPIPS
vgg            features for the perceptual loss
rgb            images of any channels as RGB
weights        finds or downloads the published weights
"""
