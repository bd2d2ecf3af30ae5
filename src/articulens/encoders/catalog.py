"""The speech models of the paper, and what must be known about them to read its figures.

Facts with their sources are in the book's chapter on the models; a `revision` is the commit that public code
pins for the same checkpoint, and None where no commit could be established: the loader then records the one
it got and says so in `Encoder.record`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from articulens.encoders.bundled import BUNDLED
from articulens.encoders.model import Model

if TYPE_CHECKING:
    import pandas as pd

#: wav2vec 2.0 large as first released: group norm over the recording, norms after each block.
LARGE_POST_NORM: dict[str, Any] = {
    "model_type": "wav2vec2",
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "group",
    "conv_bias": False,
    "do_stable_layer_norm": False,
}
#: The later large models (LV-60, XLSR-53, XLS-R, MMS): layer norm in the front end, norms before each block.
LARGE_STABLE: dict[str, Any] = LARGE_POST_NORM | {
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}
#: Small enough for a test or a first run on a laptop; only ever with random weights.
TINY_POST_NORM: dict[str, Any] = LARGE_POST_NORM | {
    "hidden_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 192,
    "conv_dim": [64] * 7,
    "num_conv_pos_embeddings": 64,
    "num_conv_pos_embedding_groups": 8,
}
TINY_STABLE: dict[str, Any] = TINY_POST_NORM | {
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}

#: SpeechBrain's ECAPA-TDNN for VoxCeleb, 20.8 M parameters.
ECAPA: dict[str, Any] = {
    "model_type": "ecapa-tdnn",
    "input_size": 80,
    "channels": [1024, 1024, 1024, 1024, 3072],
    "attention_channels": 128,
    "lin_neurons": 192,
}

MODELS: tuple[Model, ...] = (
    Model(
        name="wav2vec2-large",
        label="WV2-L",
        hub_id="facebook/wav2vec2-large",
        revision="312b2410566b698c7a649068d413b2067848bd75",  # as pinned by MTEB
        licence="Apache-2.0",
        base_model=None,
        languages="English (LibriSpeech)",
        hours=960,
        finnish="no",
        russian="no",
        fine_tuned="",
        do_normalize=True,
        architecture=LARGE_POST_NORM,
    ),
    Model(
        name="mms-300m",
        label="MMS-300m",
        hub_id="facebook/mms-300m",
        revision="4ee317ce793c53dbc041fc4376c7558292dd38dc",  # as pinned by MTEB
        licence="CC-BY-NC-4.0",
        base_model=None,
        languages="over 1,400 languages",
        hours=500_000,
        finnish="yes",  # both are in the language list of the model card
        russian="yes",
        fine_tuned="",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="xlsr-53",
        label="XLSR-53",
        hub_id="facebook/wav2vec2-large-xlsr-53",
        revision="c3f9d884181a224a6ac87bf8885c84d1cff3384f",  # as pinned by MTEB and others
        licence="Apache-2.0",
        base_model=None,
        languages="53 languages (MLS, Common Voice, BABEL); of the Finnic ones Estonian only",
        hours=56_000,
        finnish="no",
        russian="yes",
        fine_tuned="",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="xlsr-53-russian",
        label="RU-FT",
        hub_id="jonatasgrosman/wav2vec2-large-xlsr-53-russian",
        revision="2329100508896c6d9b157019803ab5601e6f3406",  # as pinned by several public projects
        licence="Apache-2.0",
        base_model="xlsr-53",
        languages="53 languages, then Russian",
        hours=56_000,
        finnish="no",
        russian="yes",
        fine_tuned="CTC, Russian (Common Voice 6.1, CSS10)",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="xls-r-300m-finnish",
        label="FI-FT",
        hub_id="aapot/wav2vec2-xlsr-300m-finnish-lm",  # copied to Finnish-NLP/wav2vec2-xlsr-300m-finnish-lm
        revision=None,
        licence="Apache-2.0",
        base_model="xls-r-300m",
        languages="128 languages, then Finnish",
        hours=436_000,
        finnish="yes",
        russian="yes",
        fine_tuned="CTC, Finnish, 275.6 h (mostly parliament)",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="xls-r-300m",
        label="XLS-R-300m",
        hub_id="facebook/wav2vec2-xls-r-300m",
        revision="1a640f32ac3e39899438a2931f9924c02f080a54",  # as pinned by MTEB and others
        licence="Apache-2.0",
        base_model=None,
        languages="128 languages (VoxPopuli, MLS, Common Voice, BABEL, VoxLingua107)",
        hours=436_000,
        finnish="yes",
        russian="yes",
        fine_tuned="",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="wav2vec2-large-lv60",
        label="LV-60",
        hub_id="facebook/wav2vec2-large-lv60",
        revision=None,
        licence="Apache-2.0",
        base_model=None,
        languages="English (Libri-Light)",
        hours=60_000,
        finnish="no",
        russian="no",
        fine_tuned="",
        do_normalize=True,
        architecture=LARGE_STABLE,
    ),
    Model(
        name="ecapa-voxceleb",
        label="ECAPA",
        hub_id="speechbrain/spkrec-ecapa-voxceleb",
        revision="0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",  # as pinned by several public projects
        licence="Apache-2.0",
        base_model=None,
        languages="mostly English (VoxCeleb 1 and 2)",
        hours=2_800,
        finnish="unknown",
        russian="unknown",
        fine_tuned="supervised: 7,205 speakers, additive angular margin",
        do_normalize=False,
        architecture=ECAPA,
    ),
    *(
        Model(
            name=name,
            label=name,
            hub_id=None,
            revision=None,
            licence=None,
            base_model=None,
            languages="none",
            hours=0,
            finnish="no",
            russian="no",
            fine_tuned="",
            do_normalize=True,
            architecture=architecture,
        )
        for name, architecture in (("wav2vec2-tiny", TINY_POST_NORM), ("wav2vec2-tiny-stable", TINY_STABLE))
    ),
    *BUNDLED,
)


def find_model(name: str) -> Model | None:
    """Return the model with this short name or hub id, None when the table does not have it."""
    return next((model for model in MODELS if name in (model.name, model.hub_id)), None)


def to_frame() -> pd.DataFrame:
    """Return the model table: one row a model, one column a fact."""
    import pandas as pd

    columns = [f.name for f in fields(Model) if f.name != "architecture"]
    rows = [
        {column: getattr(model, column) for column in columns}
        | {
            "norm": model.norm,
            "blocks": model.size[0],
            "width": model.size[1],
        }
        for model in MODELS
    ]
    return pd.DataFrame(rows)
