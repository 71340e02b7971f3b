"""DSD on one image, to play with: what notebooks/explore.ipynb shows, as a notebook or as a page."""
