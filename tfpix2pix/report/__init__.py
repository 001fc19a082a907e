"""tfpix2pix.report."""
