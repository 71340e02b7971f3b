"""The report as PDF: by WeasyPrint, or by Chromium's print where that is missing."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "no PDF: it needs WeasyPrint (pip install 'dsd[report]'; Debian's libpango-1.0-0, libpangoft2-1.0-0) or Chromium; "
    "the page itself prints from any browser"
)


def write_pdf(page: Path) -> Path | None:
    """Write a page's PDF beside it.

    Args:
        page: report.html, which needs no other file.

    Returns:
        report.pdf; None where this machine has nothing that prints.

    Raises:
        ValueError: Chromium failed.
    """
    target = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(prefix=".report-", dir=page.parent) as folder:
        new = Path(folder) / target.name
        if not (_weasyprint(page, new) or _chromium(page, new)):
            return None
        return new.replace(target)


def _weasyprint(page: Path, target: Path) -> bool:
    if not find_spec("weasyprint"):
        return False
    try:
        from weasyprint import HTML
    except OSError:  # without Pango
        return False
    HTML(string=page.read_text(encoding="utf-8")).write_pdf(target, optimize_images=True)
    return True


def _chromium(page: Path, target: Path) -> bool:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        return False
    options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={target.parent / 'profile'}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # it refuses to start as root with one; the page is ours, without scripts
    command = [program, *options, f"--print-to-pdf={target}", page.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if not target.is_file():
        raise ValueError(f"{program} wrote no PDF: {done.stderr.strip()[-500:]}")
    return True
