"""Executed pages and exercises: buttons lead to the notebook itself, and a last part says how the page was made.

A picture that a notebook left as SVG has its alt text from its own description.

The page ``book/executed/NN`` is not a file of the branch: what can be launched is ``notebooks/NN.ipynb``, and
what is edited is ``notebooks/NN.py``. Exercises are launched as they are, and edited where they come from: the
solution.
"""

import json
import re
import shlex
from html import escape, unescape
from pathlib import Path

from docutils import nodes

FOLDER = "book/executed/"
EXERCISE = "notebooks/exercises/ex_"


def _walk(buttons):
    for button in buttons or []:
        yield button
        yield from _walk(button.get("buttons"))


def _links(app, pagename, templatename, context, doctree):
    if not pagename.startswith((FOLDER, EXERCISE)):
        return
    notebook = pagename.replace(FOLDER, "notebooks/")
    page, edited = f"{pagename}.ipynb", f"{notebook.replace('/ex_', '/sol_')}.py"
    for button in _walk(context.get("header_buttons")):
        url = button.get("url", "")
        if "colab.research.google.com" in url or "mybinder.org" in url:
            button["url"] = url.replace(page, f"{notebook}.ipynb")
        elif url.startswith("http"):  # the page's own download link stays
            button["url"] = url.replace(page, edited)


def _provenance(app, pagename, templatename, context, doctree):
    if not pagename.startswith(FOLDER) or "body" not in context:
        return
    executed = Path(app.srcdir, f"{pagename}.ipynb")
    past = json.loads(executed.read_text(encoding="utf-8"))["metadata"].get("articulens")
    if past:
        rows = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in made(pagename, past).items() if value
        )
        context["body"] += f'<details class="provenance"><summary>How this was made</summary><dl>{rows}</dl></details>'


def made(pagename, past):
    """Say when, on what, with what and from what an executed copy was made, and how to make it again."""
    given = past["given"]
    hardware, causes = past["hardware"], past["causes"]
    command = f"articulens run {pagename.rpartition('/')[2]}"
    command += "".join(f" -p {name} {shlex.quote(json.dumps(value).strip(chr(34)))}" for name, value in given.items())
    named = lambda things: ", ".join(f"{name} ({hash_[:8]})" for name, hash_ in things.items())  # noqa: E731
    return {
        "run": f"{past['started'].replace('T', ' ').replace('+00:00', ' UTC')}, {past['seconds']:g} s",
        "on": f"{hardware['gpu'] or hardware['cpu']}, {hardware['cores']} cores",
        "parameters": ", ".join(f"{name} = {value!r}" for name, value in given.items()) or "as written",
        "corpora": named(causes["corpora"]),
        "models": named({name: model["fingerprint"] for name, model in causes["models"].items()}),
        "versions": ", ".join(f"{name} {number}" for name, number in past["versions"].items()),
        "code": f"notebook {causes['code'][:8]}, package {causes['package'][:8]}",
        "commit": past["commit"],
        "again": command,
    }


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
