"""tfpix2pix.networks."""
