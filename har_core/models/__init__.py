"""The architectures: one file each, found by :mod:`har_core.models.registry`; training and data are elsewhere."""

from har_core.models.registry import (
    architecture_module,
    architecture_options,
    check_options,
    create_model,
    fit_model,
    is_network,
    list_models,
    register_classical,
    register_model,
)

__all__ = [
    "architecture_module",
    "architecture_options",
    "check_options",
    "create_model",
    "fit_model",
    "is_network",
    "list_models",
    "register_classical",
    "register_model",
]
