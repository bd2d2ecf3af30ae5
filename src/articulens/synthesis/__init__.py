"""The bundled corpus's source: a physical articulatory synthesiser whose every cause is known.

`synthesise` makes a corpus, `resynthesise` one utterance of the bundled one, both perhaps with an intervention;
they need the extra ``[synth]``. `MeasurementNoise` and `parse` do not.

    text -> phonology -> accent -> prosody -> targets -> contacts -> trajectories -+-> sensors
                                                                   voice ----------+-> audio
"""

from articulens.synthesis.anatomy import Speaker, cohort, draw_speaker
from articulens.synthesis.corpus import SEED, resynthesise, synthesise
from articulens.synthesis.interventions import Intervention, parse
from articulens.synthesis.noise import MeasurementNoise
from articulens.synthesis.phonology import transcribe
from articulens.synthesis.render import Production, Prompt, SpeechProducer

__all__ = [
    "SEED",
    "Intervention",
    "MeasurementNoise",
    "Production",
    "Prompt",
    "Speaker",
    "SpeechProducer",
    "cohort",
    "draw_speaker",
    "parse",
    "resynthesise",
    "synthesise",
    "transcribe",
]
