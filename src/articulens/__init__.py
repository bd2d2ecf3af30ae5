"""What do speech models know about the mouth."""

__version__ = "0.1.0"
