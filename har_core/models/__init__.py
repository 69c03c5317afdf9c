"""The architectures, one file each; :mod:`har_core.models.catalogue` lists them. Training and data are elsewhere."""

from typing import TYPE_CHECKING

from har_core.base.facade import on_demand

if TYPE_CHECKING:
    from har_core.models.catalogue import list_models as list_models
    from har_core.models.registry import create_model as create_model
    from har_core.models.registry import fit_model as fit_model
else:
    __getattr__ = on_demand(__name__, {"create_model": "registry", "fit_model": "registry", "list_models": "catalogue"})
