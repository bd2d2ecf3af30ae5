"""How the bundled small encoders were trained, so that anyone can train them again, or larger ones.

    speech -> data -> objective (distillation | masked | ctc) -> trainer -> saving -> evaluate -> cards

`load_config` reads a configuration (`configs/` has one for each bundled model, and one of 95 M parameters for a GPU),
`articulens.pretraining.trainer.train` trains it, ``articulens models train CONFIG`` does both.
"""

from articulens.pretraining.config import TrainingConfig, load_config, shipped

__all__ = ["TrainingConfig", "load_config", "shipped"]
