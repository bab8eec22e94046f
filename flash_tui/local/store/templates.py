"""Templates of the official protocol: image and environment variables of an endpoint. They hold keys: never logged."""

from __future__ import annotations

import sqlite3
from typing import Any

from flash_tui.local.store.values import as_json, from_json, new_id, now_text
from flash_tui.models.identifiers import TemplateId


def find_template(connection: sqlite3.Connection, template_id: TemplateId) -> dict[str, Any] | None:
    """The fields of the official PodTemplate, `id` among them."""
    row = connection.execute("SELECT config FROM templates WHERE id = ?", (template_id,)).fetchone()
    return None if row is None else from_json(row["config"]) | {"id": template_id}


def save_template(
    connection: sqlite3.Connection, config: dict[str, Any], template_id: TemplateId | None = None
) -> TemplateId:
    """Create one (None, or an id that is unknown), else merge `config` into what is there."""
    known = None if template_id is None else find_template(connection, template_id)
    fields = {key: value for key, value in config.items() if key != "id"}
    if template_id is None or known is None:
        created = TemplateId(new_id("tpl"))
        connection.execute(
            "INSERT INTO templates (id, config, created_at) VALUES (?, ?, ?)", (created, as_json(fields), now_text())
        )
        return created
    merged = {key: value for key, value in (known | fields).items() if key != "id"}
    connection.execute("UPDATE templates SET config = ? WHERE id = ?", (as_json(merged), template_id))
    return template_id


def clone_template(connection: sqlite3.Connection, template_id: TemplateId) -> TemplateId | None:
    """A copy with an id of its own; None if there is nothing to copy."""
    known = find_template(connection, template_id)
    return None if known is None else save_template(connection, known)


def template_env(template: dict[str, Any]) -> dict[str, str]:
    """Its environment variables as a mapping."""
    return {str(item["key"]): str(item["value"]) for item in template.get("env") or ()}
