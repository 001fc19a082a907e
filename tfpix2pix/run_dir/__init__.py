"""tfpix2pix.run_dir.claim."""
