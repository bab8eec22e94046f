"""One type per kind of id, so that the type checker sees a build id where an endpoint id belongs."""

from __future__ import annotations

from typing import NewType

AppId = NewType("AppId", str)
EnvironmentId = NewType("EnvironmentId", str)
BuildId = NewType("BuildId", str)
EndpointId = NewType("EndpointId", str)
TemplateId = NewType("TemplateId", str)
WorkerId = NewType("WorkerId", str)
JobId = NewType("JobId", str)
VolumeId = NewType("VolumeId", str)
DeploymentId = NewType("DeploymentId", str)

Digest = NewType("Digest", str)
"""64 lower-case hex digits of a SHA-256."""

LayerKey = NewType("LayerKey", str)
"""64 lower-case hex digits: what a layer was resolved to, for one interpreter and one platform."""
