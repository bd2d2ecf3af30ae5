from pathlib import Path

import pytest

NOTEBOOK = """\
# %% [markdown]
# # A small notebook

# %% tags=["parameters"]
count: int = 2  # how many
words: list = ["a"]  # which
scale: float = 1.0  # how large
name: str = "plain"  # a name
quick: bool = False  # whether

# %%
total = count * 3  # a comment
print(name, total)
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The root of a book with one notebook and a parameter file."""
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: book/executed/01_tiny\n")
    (tmp_path / "requirements.lock").write_text("# a comment\nnumpy==2.4.6\n")
    params = tmp_path / "notebooks" / "params"
    params.mkdir(parents=True)
    (params / "smoke.yaml").write_text("01_tiny: {count: 5}\n")
    (params.parent / "01_tiny.py").write_text(NOTEBOOK)
    return tmp_path
