import numpy as np
import pytest
import yaml

from articulens.corpora import Recipe, load_recipe, open_corpus
from articulens.corpora.recipe import shipped_recipes
from articulens.errors import ArticulensError

MINIMAL = {
    "reader": "carstens-ascii",
    "rate_hz": 250,
    "channels": {"TT": 7},
    "axes": {"x": "+X"},
    "positions": r"(?P<stem>\w+)\.txt",
    "audio": r"(?P<stem>\w+)\.wav",
}


def write_recipe(path, keys):
    path.write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")
    return path


def test_shipped_recipes_are_whole():
    assert {"artpros", "frost", "tabular"} <= set(shipped_recipes())
    for name in shipped_recipes():
        assert load_recipe(name)["name"] == name


def test_frost_fields(frost_root):
    corpus = open_corpus(f"frost:{frost_root}")
    frame = corpus.to_frame().set_index("id")
    assert len(corpus) == 6
    columns = ["speaker", "language", "condition", "task", "sentence", "l1", "sex"]
    assert frame.loc["fin_kh5_f_A_T1_01", columns].tolist() == [
        "fin_kh5_f",
        "fi",
        "L1",
        "T1",
        "fi_T1_01",
        "fi",
        "f",
    ]
    assert frame.loc["fin_kh5_f_C_T2_03", ["language", "condition"]].tolist() == ["ru", "L2"]
    assert frame.loc["rus_kh18_m_B_T2_02", ["language", "condition", "sentence"]].tolist() == [
        "ru",
        "accent",
        "ru_T2_02",
    ]
    assert frame.loc["rus_kh18_m_C_T2_03", ["language", "condition", "sex"]].tolist() == ["fi", "L2", "m"]
    # The same text in L1 of one group and in L2 of the other is one sentence.
    assert frame.loc["rus_kh18_m_C_T2_03", "sentence"].startswith("fi_T2_")


def test_frost_sockets_with_the_two_overrides(frost_root):
    corpus = open_corpus(f"frost:{frost_root}")

    def sockets(utterance):
        trajectory = corpus.read_trajectory(utterance)
        assert trajectory.rate_hz == 1250
        x = trajectory.select([f"{s}.x" for s in ("UL", "LL", "TT", "TB", "TD")]).positions.mean(axis=0)
        z = trajectory.select([f"{s}.z" for s in ("UL", "LL", "TT", "TB", "TD")]).positions.mean(axis=0)
        np.testing.assert_allclose(z, 2 * x, atol=0.02)
        return np.round(x).astype(int).tolist()

    by_speaker = {u.speaker: sockets(u) for u in corpus}
    assert by_speaker == {"fin_kh5_f": [12, 13, 14, 9, 8], "rus_kh18_m": [12, 13, 7, 9, 14]}


def test_own_recipe_extends_and_changes(frost_root, tmp_path):
    own = write_recipe(
        tmp_path / "mine.yaml",
        {
            "extends": "frost",
            "name": "mine",
            "root": "FROST",
            "channels": {"TB": None, "JAW": 3},
            "speakers": {"fin_kh5_f": {"channels": {"TT": "none"}}},
            "tables": {"condition": {"values": {"B": "L1"}}},
        },
    )
    corpus = open_corpus(own)
    assert corpus.name == "mine"
    assert {u.condition for u in corpus} == {"L1", "L2"}
    anna, boris = corpus.utterances[0], corpus.utterances[-1]
    sensors = lambda u: {c.split(".")[0] for c in corpus.read_trajectory(u).channels}  # noqa: E731
    assert sensors(anna) == {"UL", "LL", "TD", "JAW"}
    assert sensors(boris) == {"UL", "LL", "TT", "TD", "JAW"}
    # A second one extends the first by its path.
    second = write_recipe(tmp_path / "second.yaml", {"extends": "mine.yaml", "rate_hz": 500})
    assert load_recipe(second)["channels"]["JAW"] == 3 and load_recipe(second)["rate_hz"] == 500


def test_corpus_yaml_in_the_folder_changes_the_recipe(frost_root):
    write_recipe(frost_root / "corpus.yaml", {"name": "here", "licence": "ours", "speakers": {"x": {"rate_hz": 5}}})
    corpus = open_corpus(f"frost:{frost_root}")
    assert (corpus.name, corpus.licence) == ("here", "ours")
    assert corpus.recipe["speakers"]["fin_kh5_f"] == {"channels": {"TT": 14}}


def test_manifest_instead_of_a_grammar(frost_root, tmp_path):
    (frost_root / "manifest.csv").write_text(
        "id,speaker,language,condition,task,sentence,audio,positions\nu1,rus_kh18_m,fi,L2,T3,free_1,rus_kh18_m/wav/C_T2_03.wav,rus_kh18_m/pos/C_T2_03.txt\n"
    )
    own = write_recipe(tmp_path / "mine.yaml", {"extends": "frost", "manifest": "manifest.csv"})
    (utterance,) = open_corpus(f"{own}:{frost_root}")
    assert (utterance.id, utterance.language, utterance.task, utterance.sentence) == ("u1", "fi", "T3", "free_1")
    assert utterance.meta["sex"] == "m"


def test_a_pattern_that_never_ends_is_given_up(frost_root, tmp_path):
    keys = {"extends": "frost", "positions": r"(?P<stem>(\w|\w)+)"}
    (frost_root / ("a" * 40)).mkdir()
    (frost_root / ("a" * 40) / "b.pos").write_bytes(b"")
    own = write_recipe(tmp_path / "mine.yaml", keys)
    with pytest.raises(ArticulensError, match=r"mine\.yaml: the pattern .* takes longer than a second on 'aaaa"):
        open_corpus(f"{own}:{frost_root}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chanels": {}}, "unknown key 'chanels' in the recipe; did you mean 'channels'"),
        ({"reader": None}, "key 'reader' is missing"),
        ({"reader": "carsten"}, "there is no reader 'carsten'; did you mean 'carstens'"),
        ({"rate_hz": None}, "key 'rate_hz' is missing, reader 'carstens-ascii' needs it"),
        ({"rate_hz": "fast"}, "key 'rate_hz' is 'fast', expected a number"),
        ({"rate_hz": True}, "key 'rate_hz' is True, expected a number"),
        ({"rate_hz": -1}, "key 'rate_hz' is -1, expected a number above 0"),
        ({"channels": [7]}, r"key 'channels' is \[7\], expected a mapping"),
        ({"channels": {"TIP": 7}}, "'channels' names a sensor 'TIP', expected one of TT, TB"),
        ({"channels": {"TT": 7.5}}, "gives TT the socket 7.5"),
        ({"axes": {"x": "left"}, "positions": None}, "key 'positions' is missing"),
        ({"axes": {"w": "+X"}}, r"axis 'w: \+X' is not possible"),
        ({"speakers": {"s": {"chanels": {}}}}, "speaker 's' has"),
        ({"speakers": {"s": {"channels": {"TX": 1}}}}, "'speakers.s.channels' names a sensor 'TX'"),
        ({"positions": "(", "channels": {"TT": 7}}, "'positions' is not a regular expression"),
        ({"audio": r"\w+\.wav"}, r"the pattern 'audio' has no group \(\?P<stem>...\)"),
        ({"names": {"stem": "["}}, "'names.stem' is not a regular expression"),
        ({"tables": {"task": {"values": {1: "T1"}}}}, "table 'task' is"),
        ({"tables": {"language": {"from": "l1", "values": {"nor": False}}}}, "put words such as 'no'"),
        ({"reader_options": {"max_rmss": 3}}, "has no option 'max_rmss' .it has max_abs_mm, max_rms."),
        ({"name": 3}, "key 'name' is 3, expected text"),
    ],
)
def test_bad_recipes(changes, message):
    keys = {k: v for k, v in (MINIMAL | changes).items() if v is not None}
    with pytest.raises(ArticulensError, match=rf"mine\.yaml: .*{message}"):
        Recipe(keys, "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reader: [", "not valid YAML in line"),
        ("- reader", "a recipe is a YAML mapping"),
        ("extends: frosty", r"frosty: .*|there is no recipe"),
        ("extends: mine.yaml", "the recipe extends itself"),
        ("extends: 3", "key 'extends' is 3"),
    ],
)
def test_bad_recipe_files(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ArticulensError, match=message):
        load_recipe(tmp_path / "mine.yaml")


def test_absent_recipe_file(tmp_path):
    with pytest.raises(ArticulensError, match=r"mine\.yaml: the recipe cannot be read"):
        open_corpus(tmp_path / "mine.yaml")


def test_name_outside_the_grammar(frost_root):
    (frost_root / "fin_kh5_f" / "pos" / "A_T1_01.txt").rename(frost_root / "fin_kh5_f" / "pos" / "odd.txt")
    (frost_root / "fin_kh5_f" / "wav" / "A_T1_01.wav").rename(frost_root / "fin_kh5_f" / "wav" / "odd.wav")
    with pytest.raises(ArticulensError, match=r"odd\.txt: the stem 'odd' does not fit the pattern .*names\.stem"):
        open_corpus(f"frost:{frost_root}")
    corpus = open_corpus(f"frost:{frost_root}", skip_bad=True)
    assert len(corpus) == 5 and len(corpus.skipped) == 1 and "odd.txt" in corpus.skipped[0]


def test_value_outside_a_table(frost_root, tmp_path):
    own = write_recipe(tmp_path / "mine.yaml", {"extends": "frost", "tables": {"condition": {"values": {"C": None}}}})
    with pytest.raises(ArticulensError, match=r"condition 'C' is not in the table 'tables\.condition' .*known: A, B"):
        open_corpus(f"{own}:{frost_root}")


def test_default_that_needs_an_unknown_field(frost_root, tmp_path):
    own = write_recipe(tmp_path / "mine.yaml", {"extends": "frost", "defaults": {"sentence": "{item_id}"}})
    with pytest.raises(ArticulensError, match="'item_id' is not known, but the default"):
        open_corpus(f"{own}:{frost_root}")


def test_nothing_says_the_field(frost_root, tmp_path):
    own = write_recipe(tmp_path / "mine.yaml", {"extends": "frost", "defaults": None})
    with pytest.raises(ArticulensError, match=r"A_T1_01\.txt: nothing says the sentence; fill that column"):
        open_corpus(f"{own}:{frost_root}")
