"""``python -m dsd`` is the command `dsd`."""

import sys

from dsd.cli import main

sys.exit(main())
