"""Directives for what is generated: the tables of encoders, protocols and runs, and the BibTeX entries."""

from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

LANGUAGES = {"yes": "heard", "no": "not heard", "?": "unknown"}


class _Markdown(SphinxDirective):
    """Replace the directive by Markdown that is written when the page is read."""

    def markdown(self) -> str:
        """Return the Markdown to read instead."""
        raise NotImplementedError

    def run(self):
        node = nodes.Element()
        self.state.nested_parse(StringList(self.markdown().splitlines()), self.content_offset, node)
        return node.children


def _table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


class EncoderTable(_Markdown):
    """Every encoder of the catalogue that can be opened by a short name."""

    def markdown(self):
        """Return the table."""
        from articulens.encoders.catalog import MODELS

        rows = []
        for model in MODELS:
            heard = f"{model.languages}; {model.hours:,} h" if model.hours else model.languages
            if model.fine_tuned:
                heard += f"; fine-tuned: {model.fine_tuned}"
            hub = f"[{model.hub_id}](https://huggingface.co/{model.hub_id})"
            origin = hub if model.hub_id else "in this repository" if model.licence else "drawn at random when opened"
            both = f"{LANGUAGES.get(model.finnish, model.finnish)} / {LANGUAGES.get(model.russian, model.russian)}"
            rows.append([f"`{model.name}`", origin, heard, both, model.licence or "none needed"])
        return _table(["name", "weights", "has heard", "Finnish / Russian", "licence"], rows)


class ProtocolTable(_Markdown):
    """Every protocol and what it measures."""

    def markdown(self):
        """Return the table."""
        from articulens.evaluation.protocols import PROTOCOLS, WITH_COLUMN, open_protocol

        shown = [f"{name}({WITH_COLUMN[name]})" if name in WITH_COLUMN else name for name in PROTOCOLS]
        return _table(["protocol", "measures"], [[f"`{name}`", open_protocol(name).measures] for name in shown])


class StatusTable(_Markdown):
    """What ran when, on what, fresh or stale."""

    def markdown(self):
        """Return the table."""
        from articulens.publishing.status import status

        self.env.note_reread()  # what it tells changes without this page
        rows = []
        for row in status(Path(self.env.srcdir)):
            past = row["past"]
            state = row["state"] if row["state"] == "fresh" else f"**{row['state']}**: {', '.join(row['why'])}"
            page = f"{{doc}}`/book/executed/{row['page']}`"
            if past is None:
                rows.append([page, state, "", "", ""])
                continue
            given = ", ".join(past["given"]) or "as written"
            when = past["started"][:16].replace("T", " ")
            hardware = f"{past['hardware']['gpu'] or past['hardware']['cpu']}, {past['hardware']['cores']} cores"
            rows.append([page, state, when, f"{hardware}, {past['seconds']:g} s", given])
        return _table(["page", "state", "run (UTC)", "on", "parameters"], rows)


class BibTeX(_Markdown):
    """The entries to cite: the book from CITATION.cff, the study from the bibliography."""

    def markdown(self):
        """Return a block of code."""
        root = Path(self.env.srcdir)
        citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
        fields = {
            "title": "{" + citation["title"] + "}",
            "author": " and ".join(
                "{" + a["name"] + "}" if "name" in a else f"{a['family-names']}, {a['given-names']}"
                for a in citation["authors"]
            ),
            "version": citation["version"],
            **({"url": citation["repository-code"]} if "repository-code" in citation else {}),
        }
        book = "@software{articulens,\n" + ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items()) + "\n}"
        study = (root / "book" / "references.bib").read_text(encoding="utf-8").split("\n}\n")[0] + "\n}"
        return f"```bibtex\n{book}\n{study}\n```"


def setup(app):
    """Register with Sphinx."""
    app.add_directive("encoder-table", EncoderTable)
    app.add_directive("protocol-table", ProtocolTable)
    app.add_directive("status-table", StatusTable)
    app.add_directive("bibtex", BibTeX)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
