"""Image restoration: how low-resolution images are made."""
