"""A real Chromium that looks at pages, with nobody at the other end of the network."""

from __future__ import annotations

import html
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CONTROL = "http://control.invalid/"
"""Asked for on purpose, to show that whatever a page asked for would be seen."""

_OWN = re.compile(r"^(GET http://|POST http://|CONNECT )[a-z0-9.-]*\bgoogle(apis)?\.com[:/]")


@dataclass(frozen=True)
class View:
    """A page as it is looked at.

    Attributes:
        page: Its markup.
        width: In pixels.
        scheme: `light` or `dark`.
    """

    page: str
    width: int
    scheme: str


@dataclass(frozen=True)
class Sight:
    """What has been seen.

    Attributes:
        measured: Of each view.
        screenshot: The views side by side, as far as they are in the window.
        requests: Method and address of each request that left the browser, without those that it
            makes of its own accord, to its maker.
    """

    measured: list[dict[str, Any]]
    screenshot: Path
    requests: list[str]


def find_chromium() -> str | None:
    """Where one is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def look(program: str, views: Sequence[View], folder: Path, size: tuple[int, int]) -> Sight:
    """Opens all views at once, each in a frame of its own, and measures them.

    A frame's `color-scheme` is what the page in it prefers; the policy of the page holds in it.
    """
    frames = [{"page": v.page, "width": v.width, "scheme": v.scheme} for v in views]
    # As `\u003c` nothing in it can end the script.
    values = json.dumps(frames).replace("<", "\\u003c")
    wrapper = folder / "wrapper.html"
    wrapper.write_text(_WRAPPER.replace("FRAMES", values).replace("CONTROL", CONTROL), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        requests: list[str] = []
        threading.Thread(target=_listen, args=(server, requests), daemon=True).start()
        done = subprocess.run(
            [
                program,
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--no-first-run", "--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--disable-default-apps", "--no-pings"),
                f"--proxy-server=127.0.0.1:{server.getsockname()[1]}",
                "--proxy-bypass-list=<-loopback>",
                f"--user-data-dir={folder / 'profile'}",
                f"--window-size={size[0]},{size[1]}",
                f"--screenshot={folder / 'screenshot.png'}",
                "--dump-dom",
                wrapper.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    measured = json.loads(html.unescape(found[1]))
    asked = [request for request in requests if not _OWN.search(request)]
    return Sight(measured, folder / "screenshot.png", asked)


def _listen(server: socket.socket, requests: list[str]) -> None:
    """Notes what is asked for and hangs up."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # closed: the browser is gone
            return
        with connection:
            line = connection.recv(1000).partition(b"\r\n")[0].decode("latin-1")
            requests.append(line.removesuffix(" HTTP/1.1"))


def describe(values: Mapping[str, Any]) -> str:
    """For the message of an assertion."""
    return f"{values['scheme']}, {values['width']} px: {values}"


_WRAPPER = """<!doctype html>
<meta charset="utf-8">
<style>body{margin:0;white-space:nowrap}iframe{border:0;height:1000px}pre{display:none}</style>
<body><pre id="measured"></pre>
<script>
const views = FRAMES;
const frames = views.map(view => {
  const frame = document.createElement("iframe");
  frame.style.width = view.width + "px";
  frame.style.colorScheme = view.scheme;
  frame.srcdoc = view.page;
  document.body.insertBefore(frame, document.querySelector("pre"));
  return frame;
});
const control = new Image();
control.src = "CONTROL";

function channels(colour) {
  const numbers = colour.match(/[\\d.]+(e-?\\d+)?/g).map(Number);
  const scale = colour.startsWith("color(") ? 255 : 1;
  return {rgb: numbers.slice(0, 3).map(n => n * scale), alpha: numbers[3] ?? 1};
}
function luminance(rgb) {
  const [r, g, b] = rgb.map(c => c / 255)
    .map(s => s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}
function ground(element) {
  for (let node = element; node; node = node.parentElement) {
    const {rgb, alpha} = channels(getComputedStyle(node).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return [255, 255, 255];
}
function measure(view, frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const words = [];
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    words.push({
      text: node.data, size: parseFloat(style.fontSize),
      contrast: contrast(channels(style.color).rgb, ground(element)),
    });
  }
  const letters = [...page.querySelectorAll("svg g[transform]")].map(group => contrast(
    channels(getComputedStyle(group).fill).rgb, ground(group.closest("section"))));
  return {
    width: view.width, scheme: view.scheme,
    dark: frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches,
    pageWidth: root.scrollWidth, height: root.scrollHeight,
    words: words.length,
    faintest: words.reduce((a, b) => a.contrast < b.contrast ? a : b),
    smallest: words.reduce((a, b) => a.size < b.size ? a : b),
    letters: letters.length, faintestLetter: Math.min(...letters),
    images: page.images.length,
    broken: [...page.images].filter(image => !image.naturalWidth).length,
    resources: frame.contentWindow.performance.getEntriesByType("resource").map(e => e.name),
    charts: [...page.querySelectorAll("svg")].map(svg => svg.getBoundingClientRect().width),
    pwned: top.pwned === 1,
  };
}
addEventListener("load", () => {
  const measured = views.map((view, number) => measure(view, frames[number]));
  document.querySelector("pre").textContent = JSON.stringify(measured);
});
</script>
"""
