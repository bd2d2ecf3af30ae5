"""The explorer and the player, by mouse and by keyboard, against the tables they are made from."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from articulens.publishing.explorer import read_tables
from articulens.publishing.moved import TABLES as TABLES_OF_MOVED
from articulens.publishing.moved import TRUE, WORDS
from articulens.publishing.player import TABLES
from articulens.synthesis.versions import UNTOUCHED

RESULTS = Path(__file__).parents[2] / "data" / "results"
EXPLORER, PLAYER, MOVED = "book/explorer.html", "book/player.html", "book/moved.html"
pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    scores = read_tables(RESULTS)
    return scores[scores["target"] == "measured"]


# Where a cell stands: two cells may show the same number.
PLACE = "cell => `${cell.parentElement.rowIndex} ${cell.cellIndex}`"


def views(page) -> dict[str, str]:
    """Return what each linked view shows."""
    return {
        "summary": page.locator(".look-summary").inner_text(),
        "heatmap": page.locator(".look-heatmap").inner_text() + page.locator("[aria-selected=true]").evaluate(PLACE),
        "profile": page.locator("[data-view=profile]").inner_html(),
        "dots": page.locator("[data-view=dots]").inner_html(),
    }


def chosen(page, name: str) -> str:
    return page.locator(f"select[name={name}]").input_value()


def mean_r(page) -> float:
    return float(re.search(r"mean r (\d\.\d+)", page.locator(".look-summary").inner_text())[1])


def test_views_of_the_explorer_move_together(visit, scores) -> None:
    with visit(EXPLORER) as page:
        model, protocol, layer = (chosen(page, name) for name in ("model", "protocol", "layer"))
        rows = scores[(scores["model"] == model) & (scores["protocol"] == protocol) & (scores["layer"] == layer)]
        assert mean_r(page) == pytest.approx(rows.groupby("speaker")["r"].mean().mean(), abs=0.001)
        before = views(page)

        other = next(name for name in scores["model"].unique() if name != model)
        page.select_option("select[name=model]", other)
        assert not {view for view, shown in views(page).items() if shown == before[view]}
        page.select_option("select[name=model]", model)

        cell = page.locator("tbody tr").nth(1).locator("td").nth(3)  # last layer but one, second channel
        cell.click()
        channel, layer = list(scores["channel"].unique())[2], page.locator("tbody tr").nth(1).locator("th").inner_text()
        assert (chosen(page, "channel"), chosen(page, "layer")) == (channel, layer)
        rows = scores[(scores["model"] == model) & (scores["protocol"] == protocol) & (scores["layer"] == layer)]
        assert mean_r(page) == pytest.approx(rows[rows["channel"] == channel]["r"].mean(), abs=0.001)

        before = views(page)
        dots = page.locator("[data-view=dots] svg")
        dots.click(position={"x": 150, "y": dots.bounding_box()["height"] / 2})
        speaker = chosen(page, "speaker")
        assert speaker in set(rows["speaker"])
        assert not {view for view, shown in views(page).items() if shown == before[view]}
        own = rows[(rows["channel"] == channel) & (rows["speaker"] == speaker)]["r"].item()
        assert f"{speaker} {own:.3f}" in page.locator(".look-summary").inner_text()

        page.locator("[data-view=profile] svg").click(position={"x": 60, "y": 150})
        assert chosen(page, "layer") == "0"


def test_the_explorer_needs_no_mouse_and_its_address_keeps_the_view(visit) -> None:
    with visit(EXPLORER, 390, "dark") as page:
        page.focus("select[name=beside]")
        for _ in range(4):  # layer, sensor, speaker, then the one cell that can be reached
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "gridcell"
        before = views(page)
        for key in ("End", "ArrowLeft", "PageUp", "ArrowDown"):
            page.keyboard.press(key)
        assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true", "focus stays"
        assert not {view for view, shown in views(page).items() if shown == before[view]}
        layers = page.locator("select[name=layer] option").all_inner_texts()
        sensors = page.locator("select[name=channel] option").all_inner_texts()
        assert (chosen(page, "layer"), chosen(page, "channel")) == (layers[-2], sensors[-2])
        page.focus("select[name=speaker]")
        page.keyboard.press("ArrowDown")
        shown = page.locator(".look-summary").inner_text()
        fragment = page.evaluate("location.hash")
    with visit(EXPLORER + fragment) as page:
        assert page.locator(".look-summary").inner_text() == shown


@pytest.fixture(scope="module")
def movements() -> pd.DataFrame:
    return pd.read_parquet(RESULTS / f"{TABLES[0]}.parquet")


# Read right after the page has drawn a frame: what it shows then must be what is heard then.
STATE = """new Promise(tell => requestAnimationFrame(() => {
    const place = mark => { const m = mark.transform.baseVal.consolidate().matrix; return [m.e, -m.f]; };
    const of = kind => Object.fromEntries([...document.querySelectorAll(`.look-mouth .${kind}[data-sensor]`)]
        .map(mark => [mark.dataset.sensor, place(mark)]));
    tell({shown: Number(document.getElementById("player").dataset.time), clock: articulensPlayer.sound.currentTime,
            paused: articulensPlayer.sound.paused, measured: of("measured"), predicted: of("predicted"),
            playhead: document.querySelector(".look-playhead").transform.baseVal.consolidate().matrix.e
                / document.querySelector(".look-strip").clientWidth * articulensPlayer.sound.duration});
}))"""


def expected(movements: pd.DataFrame, layer: str, seconds: float, utterance: int = 0) -> dict[str, list[float]]:
    """Return where the table has the sensors at a time."""
    rows = movements[movements["utterance"] == movements["utterance"].unique()[utterance]]
    rows = rows[rows["layer"] == layer]
    at = {name: float(np.interp(seconds, rows["time_s"], rows[name])) for name in rows.columns[3:]}
    return {name: [at[f"{name}.x"], at[f"{name}.z"]] for name in dict.fromkeys(c.split(".")[0] for c in at)}


def agree(found: dict[str, list[float]], wanted: dict[str, list[float]]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name] == pytest.approx(wanted[name], abs=0.02), name


def layer_of(page) -> str:
    return page.locator("input[name=layer]").get_attribute("aria-valuetext").removeprefix("layer ")


def test_sensors_stay_in_step_with_the_sound(visit, movements) -> None:
    with visit(PLAYER) as page:
        page.select_option("select[name=speed]", "0.5")
        page.get_by_role("button", name="Play").click()
        seen = []
        for _ in range(4):
            page.wait_for_timeout(250)
            state = page.evaluate(STATE)
            assert not state["paused"]
            assert abs(state["clock"] - state["shown"]) < 0.05, "the picture follows the sound"
            assert state["playhead"] == pytest.approx(state["shown"], abs=0.02)
            agree(state["measured"], expected(movements, "measured", state["shown"]))
            agree(state["predicted"], expected(movements, layer_of(page), state["shown"]))
            seen.append(state["shown"])
        assert seen == sorted(set(seen)), "it moves on"
        page.get_by_role("button", name="Pause").click()
        assert page.evaluate(STATE)["paused"]
        width = page.locator(".look-strip").bounding_box()["width"]
        page.locator(".look-strip").click(position={"x": width / 2, "y": 60})
        page.wait_for_timeout(100)
        state = page.evaluate(STATE)
        assert state["shown"] == pytest.approx(page.evaluate("articulensPlayer.sound.duration") / 2, abs=0.02)
        page.select_option("select[name=utterance]", index=1)
        agree(page.evaluate(STATE)["measured"], expected(movements, "measured", 0.0, utterance=1))


def test_the_player_needs_no_mouse(visit, movements) -> None:
    with visit(PLAYER, 390, "dark") as page:
        page.focus("button[name=play]")
        page.keyboard.press("Space")
        page.wait_for_timeout(300)
        assert not page.evaluate(STATE)["paused"]
        page.keyboard.press("Space")
        page.keyboard.press("Tab")  # to the time
        page.keyboard.press("Home")
        for _ in range(30):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        state = page.evaluate(STATE)
        assert state["shown"] == pytest.approx(0.6, abs=0.001)
        page.keyboard.press("Tab")  # to the layer
        layer = layer_of(page)
        page.keyboard.press("ArrowRight")
        moved = page.evaluate(STATE)
        assert layer_of(page) != layer
        assert moved["measured"] == state["measured"]
        agree(moved["predicted"], expected(movements, layer_of(page), 0.6))
        before = page.locator(".look-summary").inner_text()
        page.keyboard.press("Tab")  # to the check box
        page.keyboard.press("Space")
        placed = page.evaluate(STATE)
        assert placed["predicted"] != moved["predicted"]
        assert page.locator(".look-summary").inner_text() == before, "the error is that of the prediction as it was"


def test_whoever_wants_no_motion_sees_one_picture_a_phone(visit) -> None:
    with visit(PLAYER, reduced_motion="reduce") as page:
        page.locator("input[name=time]").fill("0.6")
        page.wait_for_timeout(100)
        phones = page.evaluate("articulensPlayer.data.utterances[0].phones")
        start, end = next(phone[1:] for phone in phones if phone[1] <= 0.6 < phone[2])
        assert page.evaluate(STATE)["shown"] == pytest.approx((start + end) / 2, abs=1e-6)
        assert set(page.locator(".look-trail").evaluate_all("all => all.map(t => t.getAttribute('points'))")) == {""}


def test_a_moved_mouth_beside_the_untouched_and_the_read_one_without_a_mouse(visit) -> None:
    table = pd.read_parquet(RESULTS / f"{TABLES_OF_MOVED[0]}.parquet")
    own = table[table["speaker"] == table["speaker"].iloc[0]]
    there = [version for version in WORDS if version in set(own["version"])]
    readers = [reader for reader in own["reader"].unique() if reader != TRUE]

    def tracks(version: str, reader: str, seconds: float) -> dict[str, list[float]]:
        rows = own[(own["version"] == version) & (own["reader"] == reader)]
        at = {name: float(np.interp(seconds, rows["time_s"], rows[name])) for name in rows.columns[4:]}
        return {name: [at[f"{name}.x"], at[f"{name}.z"]] for name in dict.fromkeys(c.split(".")[0] for c in at)}

    with visit(MOVED, 390, "dark") as page:
        page.focus("select[name=utterance]")
        page.keyboard.press("ArrowDown")  # from the untouched version to the first that is moved
        assert chosen(page, "utterance").endswith(WORDS[there[1]])
        page.focus("input[name=time]")
        page.keyboard.press("Home")
        for _ in range(25):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        state = page.evaluate(STATE)
        assert state["shown"] == pytest.approx(0.5, abs=0.001)
        before = page.evaluate(STATE.replace('of("measured")', 'of("before")'))["measured"]
        agree(before, tracks(UNTOUCHED, TRUE, 0.5))
        agree(state["measured"], tracks(there[1], TRUE, 0.5))
        agree(state["predicted"], tracks(there[1], readers[0], 0.5))
        page.keyboard.press("Tab")  # to who reads
        page.keyboard.press("ArrowRight")
        assert page.locator("input[name=layer]").get_attribute("aria-valuetext") == readers[1]
        agree(page.evaluate(STATE)["predicted"], tracks(there[1], readers[1], 0.5))
        assert f"Read by {readers[1]} to move most" in page.locator(".look-summary").inner_text()
        heard = page.evaluate("articulensPlayer.sound.src")
        page.keyboard.press("Tab")  # to the sound of the untouched version
        page.keyboard.press("Space")
        assert page.evaluate("articulensPlayer.sound.src") not in ("", heard)
        page.keyboard.press("Space")
        assert page.evaluate("articulensPlayer.sound.src") == heard


@pytest.mark.parametrize("path", [EXPLORER, PLAYER, MOVED])
def test_without_javascript_there_is_a_figure(visit, scores, path: str) -> None:
    with visit(path, java_script_enabled=False) as page:
        figure = page.locator("noscript img, section.look img")
        figure.scroll_into_view_if_needed()
        assert figure.bounding_box()["height"] > 200
        assert len(figure.get_attribute("alt")) > 50
        assert page.locator(".look-controls:visible").count() == 0
        if path == EXPLORER:
            assert page.locator(".look-heatmap td").count() >= 10


@pytest.mark.parametrize(("path", "budget"), [(EXPLORER, 1_800_000), (PLAYER, 1_600_000), (MOVED, 1_800_000)])
def test_the_weight_of_the_page(site: Path, visit, path: str, budget: int) -> None:
    with visit(path) as page:
        page.wait_for_load_state("networkidle")
        sizes = page.evaluate(
            "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".map(entry => entry.transferSize)"
        )
        assert sum(sizes) < budget
