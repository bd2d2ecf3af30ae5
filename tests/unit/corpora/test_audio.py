import struct

import numpy as np
import pytest
import soundfile

from articulens.corpora import audio_duration, read_audio
from articulens.errors import ArticulensError


@pytest.mark.parametrize(
    ("suffix", "subtype"), [(".wav", "PCM_16"), (".wav", "FLOAT"), (".flac", "PCM_24"), (".aiff", "PCM_16")]
)
def test_reads_samples_in_minus_one_to_one(tmp_path, suffix, subtype):
    path = tmp_path / f"a{suffix}"
    expected = np.linspace(-0.5, 0.5, 1000)
    soundfile.write(path, expected, 22050, subtype=subtype)
    samples, rate_hz = read_audio(path)
    assert (samples.dtype, samples.shape, rate_hz) == (np.float32, (1000,), 22050)
    np.testing.assert_allclose(samples, expected, atol=2**-15)
    assert audio_duration(path) == pytest.approx(1000 / 22050)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile([0.5, 0.1], (100, 1)), 16000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path)[0], 0.3, atol=1e-7)


def test_empty_file(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(ArticulensError, match=r"a\.wav: cannot be read as audio"):
        read_audio(tmp_path / "a.wav")


def test_no_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16000)
    with pytest.raises(ArticulensError, match=r"a\.wav: the audio is empty"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_truncated(tmp_path, write_audio, suffix):
    path = write_audio(tmp_path / f"a{suffix}", 2.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArticulensError, match=rf"a\{suffix}: .*copy the file again"):
        read_audio(path)


def test_truncated_wav_is_seen_in_the_header_alone(tmp_path, write_audio):
    path = write_audio(tmp_path / "a.wav", 2.0)
    path.write_bytes(path.read_bytes()[:32044])
    with pytest.raises(ArticulensError, match=r"truncated \(1\.00 s of the 2\.00 s"):
        audio_duration(path)


def test_header_promising_a_little_too_much_is_tolerated(tmp_path, write_audio):
    path = write_audio(tmp_path / "a.wav", 2.0)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 40, 64000 + 2648)  # as much as in a public NDI recording
    path.write_bytes(content)
    assert len(read_audio(path)[0]) == 32000


def test_streamed_wav_without_a_length(tmp_path, write_audio):
    path = write_audio(tmp_path / "a.wav", 2.0)
    content = bytearray(path.read_bytes())
    assert content[36:40] == b"data"
    struct.pack_into("<I", content, 40, 0xFFFFFFFF)
    path.write_bytes(content)
    assert len(read_audio(path)[0]) == 32000


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(tmp_path, bad):
    samples = np.zeros(16000)
    samples[8000] = bad
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with pytest.raises(ArticulensError, match=r"a\.wav: sample 8000 \(0\.500 s\) is not a finite number"):
        read_audio(tmp_path / "a.wav")


def test_absent(tmp_path):
    with pytest.raises(ArticulensError, match=r"a\.wav: there is no such audio file"):
        read_audio(tmp_path / "a.wav")


def test_not_audio(tmp_path):
    (tmp_path / "a.wav").write_text("hello, this is no audio at all")
    with pytest.raises(ArticulensError, match=r"a\.wav: cannot be read as audio"):
        audio_duration(tmp_path / "a.wav")
