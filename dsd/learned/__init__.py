"""Distances that learn from people which channels matter: LPIPS's way, for LPIPS and for DSD."""
