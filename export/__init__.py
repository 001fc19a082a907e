"""From a run directory to production. Knows nothing that tfpix2pix does not tell it."""
