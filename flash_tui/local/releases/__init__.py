"""Releases: boot, health, commit, switch, drain, and what serves afterwards."""
