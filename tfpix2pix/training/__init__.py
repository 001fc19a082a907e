"""tfpix2pix.training.session."""
