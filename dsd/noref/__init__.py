"""Quality without a reference: ψ, which predicts ‖DSD‖ from the downscaled image, and Q_DSD (Sec. 3.5)."""
