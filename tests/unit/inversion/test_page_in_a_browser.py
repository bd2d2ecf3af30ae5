"""The page plays in a real browser, and mouth and sound stay in step."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from articulens.corpora import TARGETS, Trajectory
from articulens.inversion import Inverted, Inverter
from articulens.inversion.page import to_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ONSET_S, LENGTH_S = 1.0, 3.0

WATCH = """async () => {
  const sound = document.getElementById("sound"), page = window.articulens, apart = [], x = [];
  sound.currentTime = 0;
  await sound.play();
  await new Promise(done => {
    const timer = setInterval(() => {
      apart.push(Math.abs(sound.currentTime - page.shown));
      x.push([sound.currentTime, page.at(page.shown)[0]]);
      if (sound.ended || sound.currentTime > 2.5) { clearInterval(timer); done(); }
    }, 10);
  });
  const bytes = await (await fetch(sound.src)).arrayBuffer();
  const decoded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
  const samples = decoded.getChannelData(0), at = samples.findIndex(v => Math.abs(v) > 0.05);
  const moved = x.find(pair => pair[1] > 5);
  const pen = document.getElementById("mouth").getContext("2d"), canvas = pen.canvas;
  const ink = pen.getImageData(0, 0, canvas.width, canvas.height).data.filter((v, i) => i % 4 === 3 && v).length;
  return {apart, heard: at / decoded.sampleRate, duration: sound.duration, seen: moved ? moved[0] : -1, ink};
}"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")
def test_mouth_and_sound_stay_in_step(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (the extra 'test')")
    rate_hz = 22_050
    sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(LENGTH_S * rate_hz)) / rate_hz)
    sound[: round(ONSET_S * rate_hz)] = 0
    soundfile.write(tmp_path / "burst.wav", sound, rate_hz)
    start_s = 199.5 / 16000
    times = start_s + np.arange(int(LENGTH_S * 50) - 1) / 50
    mm = np.where(times[:, None] >= ONSET_S, 10.0, 0.0) + np.arange(10)  # every sensor jumps when the sound begins
    card = {
        "layer": "0",
        "encoder": "none",
        "corpus": "none",
        "speakers": [],
        "held_out": {"r": {"TT.x": 0}, "speakers": 0},
    }
    flat = np.zeros(10)
    probe = Inverter(np.zeros((1, 10)), flat, flat, flat + 1, TARGETS, card)
    inverted = Inverted(tmp_path / "burst.wav", times, mm, Trajectory(mm, TARGETS, 50.0, start_s), False, probe)
    (tmp_path / "page.html").write_text(to_html(inverted), encoding="utf-8")

    def look():
        with playwright.sync_playwright() as p:
            browser = p.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            )
            page = browser.new_page()
            problems, asked = [], []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            page.on("request", lambda request: asked.append(request.url[:40]))
            page.goto((tmp_path / "page.html").as_uri())
            for _ in range(5):  # a busy machine may come late with a frame; what is tested is the page
                seen = page.evaluate(WATCH)
                in_step = abs(seen["seen"] - ONSET_S) <= 0.04 and np.quantile(seen["apart"], 0.95) <= 0.04
                if in_step and len(seen["apart"]) > 50:
                    break
            page.evaluate("() => { const s = document.getElementById('sound'); s.pause(); s.currentTime = 1; }")
            page.focus("#traces")
            for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
                page.keyboard.press(key)
            at_s = page.evaluate("document.getElementById('sound').currentTime")
            page.set_viewport_size({"width": 390, "height": 844})
            wide = page.evaluate("document.documentElement.scrollWidth")
            browser.close()
        return seen, in_step, at_s, wide, problems, asked

    # Tests of the site may hold Playwright in this thread already.
    with ThreadPoolExecutor(1) as pool:
        seen, in_step, at_s, wide, problems, asked = pool.submit(look).result()
    assert at_s == pytest.approx(1.1, abs=1e-3) and wide <= 390  # by keyboard, and on a telephone
    assert problems == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)  # it needs nothing else
    assert seen["duration"] == pytest.approx(LENGTH_S, abs=0.03) and seen["ink"] > 1000
    assert abs(seen["heard"] - ONSET_S) < 0.002  # where the sound begins on the page's own clock
    assert in_step, seen  # and where the mouth is seen to move
