"""Deep self-dissimilarities (DSD): images → features → Gram → difference between scales → a score.

The public API is listed in ``__init__.pyi``. Names are imported when they are first used, so that the command line
starts at once.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
