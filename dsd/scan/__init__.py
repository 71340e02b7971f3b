"""Score a whole collection: ``from dsd.scan.collection import Settings, scan``."""
