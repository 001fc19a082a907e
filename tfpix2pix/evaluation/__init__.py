"""tfpix2pix.evaluation."""
