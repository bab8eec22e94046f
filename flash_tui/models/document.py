"""The base of everything that crosses a wire or is printed as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Frozen, snake_case, tolerant of fields a newer peer adds.

    Validators are built at first use, which keeps start-up short.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, ser_json_inf_nan="constants")
