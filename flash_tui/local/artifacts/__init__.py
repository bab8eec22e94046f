"""Artifacts: received, kept by digest, unpacked, collected."""
