"""The nouns of flash-tui as frozen data: no I/O, no clock, no event loop.

What crosses a wire is a `Document` (pydantic, unknown fields ignored); what one process keeps to itself is a dataclass.
"""
