"""How VGG-19 lite was distilled from VGG-19."""
