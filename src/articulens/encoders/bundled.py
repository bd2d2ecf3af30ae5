"""The small encoders that come with the repository, in ``data/models``; `articulens.pretraining` trains them.

The family mirrors the paper's: a monolingual model, a multilingual one that heard both languages, one that heard
neither, two fine-tuned ones with their base, and one that learned without any teacher. Two speaker models stand
beside them: one that learned voices from labels, one without.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from articulens.encoders.model import Model
from articulens.errors import ArticulensError
from articulens.files import sha256_file

#: HuBERT with 1.5 M parameters: norms as in the large stable models, and the same frames.
SMALL: dict[str, Any] = {
    "model_type": "hubert",
    "hidden_size": 160,
    "num_hidden_layers": 5,
    "num_attention_heads": 5,
    "intermediate_size": 480,
    "conv_dim": [32, 64, 96, 96, 96, 96, 96],
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "num_conv_pos_embeddings": 64,
    "num_conv_pos_embedding_groups": 16,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
}

#: ECAPA-TDNN with 0.3 M parameters, all of its layers of one width.
SMALL_ECAPA: dict[str, Any] = {
    "model_type": "ecapa-tdnn",
    "input_size": 80,
    "channels": [128, 128, 128, 128, 128],
    "kernel_sizes": [5, 3, 3, 3, 1],
    "dilations": [1, 2, 3, 4, 1],
    "attention_channels": 64,
    "se_channels": 64,
    "res2net_scale": 4,
    "lin_neurons": 128,
}


def _small(
    name: str,
    languages: str,
    hours: float,
    heard: str,
    sha256: str,
    *,
    fine_tuned: str = "",
    base: str | None = None,
    distilled: bool = False,
    architecture: dict[str, Any] = SMALL,
    **changes: Any,
) -> Model:
    return Model(
        name=name,
        label=name,
        hub_id=None,
        revision=None,
        licence="MIT",
        base_model=base,
        languages=languages + "; teacher: Whisper tiny.en" * distilled,
        hours=hours,
        finnish="yes" if "fi" in heard.split() else "no",
        russian="yes" if "ru" in heard.split() else "no",
        fine_tuned=fine_tuned,
        do_normalize=architecture is SMALL,
        architecture=architecture | changes,
        sha256=sha256,
    )


BUNDLED: tuple[Model, ...] = (
    _small(
        "tiny-english",
        "English (LibriSpeech)",
        1.09,
        "en",
        "a03dbc86d9945f96fbfe27f298414348470fa7ee651d4c9d1033e1b16e0c1472",
        distilled=True,
    ),
    _small(
        "tiny-multi",
        "English (LibriSpeech); synthetic Finnish and Russian",
        1.74,
        "en fi ru",
        "cb2b5b5e2aa31848e1616af277304db805407652ec1599de96ac15762b058903",
        distilled=True,
    ),
    _small(
        "tiny-multi-other",
        "English (LibriSpeech); synthetic German, Spanish, French, Italian, Swedish, Turkish",
        1.56,
        "en de es fr it sv tr",
        "b2966b901f0a4f64ca28b51dfdc7ad99b65d606e174a479b9730c52fed8cb74d",
        distilled=True,
    ),
    _small(
        "tiny-multi-ru",
        "those of tiny-multi, then synthetic Russian",
        1.74,
        "en fi ru",
        "6e617ecb25938322029192219eb8789240f74e12e0e382594d22a3dcc1abfeeb",
        base="tiny-multi",
        fine_tuned="CTC, phones of synthetic Russian, 0.27 h",
        distilled=True,
    ),
    _small(
        "tiny-multi-fi",
        "those of tiny-multi, then synthetic Finnish",
        1.74,
        "en fi ru",
        "03d1754c72c758f24ff208e7835f43f51fc91fda8f547722c178e69f74199c43",
        base="tiny-multi",
        fine_tuned="CTC, phones of synthetic Finnish, 0.38 h",
        distilled=True,
    ),
    _small(
        "tiny-ssl",
        "English (LibriSpeech)",
        1.09,
        "en",
        "8f2feb46ad03bb7f91b8027b3d0ac1d52ded4a81703e4630801e4421c57b02cb",
        mask_time_prob=0.05,
    ),
    _small(
        "tiny-ecapa",
        "English (LibriSpeech); synthetic German, Spanish, Finnish, French, Italian, Russian, Swedish, Turkish",
        1.99,
        "en de es fi fr it ru sv tr",
        "c9c125ccc7221b62e88c83ebfffdbc17b559cfad5ee9f257436adf6bc1b727fb",
        fine_tuned="supervised: who speaks",
        architecture=SMALL_ECAPA,
    ),
    _small(
        "tiny-ecapa-dino",
        "English (LibriSpeech); synthetic German, Spanish, Finnish, French, Italian, Russian, Swedish, Turkish",
        1.99,
        "en de es fi fr it ru sv tr",
        "e5a101e22628f90b256508e5ffc8e1696d0ed4fee3048275aff0debf46105435",
        architecture=SMALL_ECAPA,
    ),
)


def models_folder() -> Path:
    """Return where the bundled models are: under ARTICULENS_DATA, or ``data`` beside ``src`` or where we are."""
    if chosen := os.environ.get("ARTICULENS_DATA"):
        return Path(chosen).expanduser() / "models"
    beside = Path(__file__).resolve().parents[3] / "data" / "models"
    return beside if beside.is_dir() else Path.cwd() / "data" / "models"


def bundled_folder(model: Model) -> Path:
    """Return the folder of a bundled model after comparing its weights with the model table.

    Raises
    ------
    ArticulensError
        When the weights are not there, or are not those of the table.
    """
    path = models_folder() / model.name / "model.safetensors"
    if not path.is_file():
        raise ArticulensError(
            f"{path}: the bundled model is not there; run from a clone of the repository, or set ARTICULENS_DATA to "
            "its folder 'data'."
        )
    found = sha256_file(path)
    if found != model.sha256:
        raise ArticulensError(
            f"{path}: the weights have SHA-256 {found[:12]}…, expected {str(model.sha256)[:12]}… of the model table, "
            "so they are damaged or were changed; restore the file (git checkout), or open the folder by its path "
            "to use other weights."
        )
    return path.parent
