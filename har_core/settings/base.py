"""What all settings share: frozen, no unknown keys, no silent conversion of types."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every section of the experiment file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @classmethod
    def sections(cls) -> dict[str, type[Settings]]:
        """The fields that are sections of their own, some of which may be absent, and the settings that they hold."""
        found = {name: _section(field.annotation) for name, field in cls.model_fields.items()}
        return {name: kind for name, kind in found.items() if kind is not None}


def _section(annotation: Any) -> type[Settings] | None:
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)), None)
