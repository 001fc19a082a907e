"""tfpix2pix.quality.pretrained."""
