"""Executed pages: launch and edit buttons lead to the notebook itself, and a last line says how it was made.

A picture that a notebook left as SVG has its alt text from its own description.

The page ``book/executed/NN`` is not a file of the branch: what can be launched is ``notebooks/NN.ipynb``, and
what is edited is ``notebooks/NN.py``.
"""

import json
import re
from html import escape, unescape
from pathlib import Path

from docutils import nodes

FOLDER = "book/executed/"


def _walk(buttons):
    for button in buttons or []:
        yield button
        yield from _walk(button.get("buttons"))


def _links(app, pagename, templatename, context, doctree):
    if not pagename.startswith(FOLDER):
        return
    page, notebook = f"{pagename}.ipynb", f"notebooks/{pagename.removeprefix(FOLDER)}"
    for button in _walk(context.get("header_buttons")):
        url = button.get("url", "")
        if "colab.research.google.com" in url or "mybinder.org" in url:
            button["url"] = url.replace(page, f"{notebook}.ipynb")
        elif url.startswith("http"):  # the page's own download link stays
            button["url"] = url.replace(page, f"{notebook}.py")


def _provenance(app, pagename, templatename, context, doctree):
    if not pagename.startswith(FOLDER) or "body" not in context:
        return
    executed = Path(app.srcdir, f"{pagename}.ipynb")
    past = json.loads(executed.read_text(encoding="utf-8"))["metadata"].get("articulens")
    if past:
        context["body"] += f'<p class="provenance"><small>{escape(sentence(past))}</small></p>'


def sentence(past):
    """Say in one line when, on what and with what an executed copy was made."""
    given = ", ".join(f"{name} = {value!r}" for name, value in past["given"].items()) or "as written"
    hardware = past["hardware"]
    machine = f"{hardware['gpu'] or hardware['cpu']}, {hardware['cores']} cores"
    versions = ", ".join(f"{name} {number}" for name, number in past["versions"].items())
    parts = [
        f"Executed {past['started'].replace('T', ' ').replace('+00:00', ' UTC')} in {past['seconds']:g} s",
        f"on {machine}",
        f"with {versions}",
        f"parameters: {given}",
        f"code {past['causes']['code'][:8]}, package {past['causes']['package'][:8]}",
    ]
    corpora = [f"{spec} {value[:8]}" for spec, value in past["causes"]["corpora"].items()]
    if corpora:
        parts.append(f"corpus {', '.join(corpora)}")
    if past["commit"]:
        parts.append(f"commit {past['commit']}")
    return "; ".join(parts) + "."


def _describe(app, doctree):
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.is_file():
            found = re.search(r"<dc:description>(.*?)</dc:description>", path.read_text(encoding="utf-8"), re.DOTALL)
            if found:
                image["alt"] = unescape(found[1])


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-read", _describe, priority=900)  # after Sphinx has resolved the paths
    app.connect("html-page-context", _links, priority=900)  # after the theme made the buttons
    app.connect("html-page-context", _provenance)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
