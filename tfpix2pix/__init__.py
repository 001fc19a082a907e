"""pix2pix on TensorFlow and Keras: networks, training, translation."""
