"""tfpix2pix.model."""
