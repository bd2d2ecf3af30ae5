"""Probes: what a simple reader can read off a layer."""
