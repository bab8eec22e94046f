"""What every resolver is given."""

from __future__ import annotations

from graphql import GraphQLResolveInfo

from flash_tui.local.services import Services

Info = GraphQLResolveInfo[Services]
"""`info.context` are the platform's services."""
