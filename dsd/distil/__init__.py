"""How VGG-19 lite was distilled from VGG-19, and how closely it stands in for it."""
