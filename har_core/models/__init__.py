"""The architectures: one file each, found by :mod:`har_core.models.registry`; training and data are elsewhere."""

from har_core.models.registry import (
    architecture_module,
    architecture_options,
    create_model,
    list_models,
    register_model,
)

__all__ = ["architecture_module", "architecture_options", "create_model", "list_models", "register_model"]
