"""flash-tui: a terminal UI for Runpod Flash.

Imports nothing: worker processes find this package under the user's interpreter, where none of its dependencies exist.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flash_tui.api import Client

__all__ = ["Client", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "Client":
        from flash_tui.api import Client  # noqa: PLC0415 - the façade loads httpx and pydantic; workers must not

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
