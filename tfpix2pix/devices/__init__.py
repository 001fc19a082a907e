"""tfpix2pix.devices.strategy."""
