"""One file for each figure or table; ``python -m dsd.experiments`` runs them."""
