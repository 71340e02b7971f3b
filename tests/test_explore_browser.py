"""The explorer in headless Chromium: every control changes what is seen, and no request leaves the machine.

    make test-browser

With EXPLORE_OUT=folder it keeps screenshots and the seconds to each answer there.
"""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from dsd.explore.__main__ import command, environment

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium: apt-get install chromium chromium-driver"),
    pytest.mark.skipif(not find_spec("voila"), reason="no Voilà: pip install 'dsd[explore]'"),
    pytest.mark.skipif(not find_spec("selenium"), reason="no Selenium: pip install 'dsd[browser]'"),
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,1000"),
)
PATIENCE = 600  # seconds until an answer, on a busy machine
OUT = os.environ.get("EXPLORE_OUT")
LOCAL = {"127.0.0.1", "localhost"}
WITHIN = {"data", "blob", "chrome", "chrome-untrusted"}  # of the browser itself, its first empty tab too


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of the page that Voilà serves."""
    log = tmp_path_factory.mktemp("voila") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as file:
        server = subprocess.Popen(
            command("app", ["--no-browser", f"--port={port}"]), env=environment(), stdout=file, stderr=file
        )
    try:
        yield wait_for(lambda: re.search(r"http://(localhost|127\.0\.0\.1):\d+\S*", log.read_text()))[0]
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def page(address, tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.page_load_strategy = "none"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Page(driver, address)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A photograph of more than 10 MB, Tornado's limit of a message, and a file that is cut off."""
    folder = tmp_path_factory.mktemp("files")
    pixels = np.random.default_rng(0).integers(0, 256, (1800, 2400, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "large.png")
    assert (folder / "large.png").stat().st_size > 10 * 2**20
    (folder / "broken.png").write_bytes((folder / "large.png").read_bytes()[:5000])
    return folder


def wait_for(condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, "no answer"
        time.sleep(0.05)
    return value


class Shown(NamedTuple):
    """What is seen of a tab."""

    images: int
    drawings: int
    checksum: int


class Page:
    """What a user does and sees."""

    def __init__(self, driver, address):
        self.driver, self.seconds = driver, []
        start = time.perf_counter()
        driver.get(address)
        wait_for(lambda: "as it is" in self.status())
        self.seconds.append(("page opened, first answer", time.perf_counter() - start))

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def status(self):
        return self.script("const s = document.querySelector('[role=status]'); return s ? s.textContent : ''") or ""

    def shown(self):
        """Of the tab that is seen: how many images and drawings there are, and a checksum of all."""
        images, drawings, checksum = self.script(
            "const all = [...document.querySelectorAll('.widget-html-content')].filter(e => e.offsetParent);"
            "const text = all.map(e => e.querySelector('img, svg') ? e.innerHTML : '').join('');"
            "let sum = 0; for (let k = 0; k < text.length; k++) sum = (31 * sum + text.charCodeAt(k)) | 0;"
            "const count = tag => all.reduce((n, e) => n + e.querySelectorAll(tag).length, 0);"
            "return [count('img'), count('svg'), sum]"
        )
        return Shown(images, drawings, checksum)

    def answer(self, what, act=lambda: None):
        """Do something, wait until what is seen is another and not empty, and note the seconds."""
        before, start = self.shown(), time.perf_counter()
        act()
        wait_for(lambda: (now := self.shown()) != before and now.images)
        self.seconds.append((what, time.perf_counter() - start))
        return self.shown()

    def select(self, index, text):
        """Choose an entry of a list that is seen, as a user does."""
        self.script(
            "const s = [...document.querySelectorAll('select')].filter(e => e.offsetParent)[arguments[0]];"
            "s.selectedIndex = [...s.options].findIndex(o => o.text.replaceAll('\u00a0', ' ') == arguments[1]);"
            "s.dispatchEvent(new Event('change', {bubbles: true}))",
            *(index, text),
        )

    def slide(self, share):
        """Click on the slider's line, at a share of its length."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.by import By

        line = self.driver.find_element(By.CSS_SELECTOR, ".noUi-target")
        offset = round((share - 0.5) * line.size["width"])
        ActionChains(self.driver).move_to_element_with_offset(line, offset, 0).click().perform()

    def click(self, text):
        """Press a button, or open a tab."""
        from selenium.webdriver.common.by import By

        for at in self.driver.find_elements(By.CSS_SELECTOR, "button, .lm-TabBar-tab"):
            if at.is_displayed() and at.text.strip() == text:
                return at.click()
        raise AssertionError(f"no button {text}")

    def upload(self, path):
        """Press the button; the window in which files are chosen is the system's: the file is put in its place."""
        from selenium.webdriver.common.by import By

        self.script(
            "HTMLInputElement.prototype.click = function () { this.id = 'chosen'; document.body.appendChild(this) };"
            "[...document.querySelectorAll('button')].find(e => e.textContent.includes('Upload')).click()"
        )
        self.driver.find_element(By.ID, "chosen").send_keys(str(path))

    def photograph(self, name):
        if OUT:
            self.driver.set_window_size(1280, 2000)
            time.sleep(1)
            height = self.script("return document.querySelector('.widget-tab').getBoundingClientRect().bottom")
            self.driver.set_window_size(1280, round(height) + 170)  # with what the window's frame takes
            time.sleep(1)
            self.driver.save_screenshot(str(Path(OUT) / f"{name}.png"))


def test_the_explorer(page, files):
    assert page.shown().images == 8  # five pictures, three scales of colours
    page.photograph("fingerprint")
    images, network, layer, alpha, kind = range(5)
    assert page.answer("layer", lambda: page.select(layer, "relu2_1")).images == 8
    page.answer("alpha", lambda: page.select(alpha, "4"))
    page.answer("strength", lambda: page.slide(0.25))
    page.answer("degradation", lambda: page.select(kind, "white noise, σ"))
    page.answer("photograph", lambda: page.select(images, "coffee"))

    page.answer("upload of 13 MB", lambda: page.upload(files / "large.png"))
    before = page.shown()
    page.upload(files / "broken.png")
    wait_for(lambda: "cannot use broken.png" in page.status())
    assert "stays as it was" in page.status()
    assert page.shown() == before
    page.answer("photograph again", lambda: page.select(images, "chelsea"))

    assert page.answer("tab Where", lambda: page.click("Where")).images == 3  # the photograph, its map, its colours
    page.answer("where: layer", lambda: page.select(layer, "relu3_1"))
    page.photograph("where")
    page.answer("where: strength", lambda: page.slide(0.75))
    assert page.answer("tab Measures", lambda: page.click("Measures")).drawings >= 10
    page.answer("measures: strength", lambda: page.slide(0.5))
    page.answer("measures: degradation", lambda: page.select(kind, "JPEG, quality"))
    page.photograph("measures")
    page.answer("measures: photograph", lambda: page.select(images, "astronaut"))
    assert page.answer("tab Enlarge", lambda: page.click("Enlarge")).images == 3
    page.answer("enlarge: strength", lambda: page.slide(0.01))
    page.photograph("enlarge")

    page.answer("tab Optimise", lambda: page.click("Optimise"))
    page.answer("optimise: first picture", lambda: page.click("Start"))
    page.answer("optimise: next picture")
    start = time.perf_counter()
    page.click("Stop")
    wait_for(lambda: "has ended" in page.status())
    page.seconds.append(("optimise: stopped", time.perf_counter() - start))
    still = page.shown()
    time.sleep(1)
    assert page.shown() == still
    page.photograph("optimise")

    page.select(network, "vgg19")
    wait_for(lambda: "no weights of vgg19" in page.status() or "vgg19 (" in page.status())
    check_requests(page.driver.get_log("performance"))
    severe = [entry["message"] for entry in page.driver.get_log("browser") if entry["level"] in ("SEVERE", "ERROR")]
    assert severe == []
    if OUT:
        with Path(OUT, "seconds.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [("answer", "seconds"), *((what, f"{seconds:.2f}") for what, seconds in page.seconds)]
            )


def check_requests(entries):
    """Every address that the page asked for is this machine's."""
    asked = []
    for entry in entries:
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            asked.append(message["params"]["url"])
    assert len(asked) > 10
    parts = map(urlsplit, asked)
    assert [part for part in parts if part.scheme not in WITHIN and part.hostname not in LOCAL] == []
