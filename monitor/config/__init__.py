"""config.toml becomes models; each plug-in brings its own Options.

The names are loaded when they are first used: a comparison guesses roles here, and need not wait
for the models of a config that it has not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.config.cadence import Cadence
    from monitor.config.columns import ColumnsConfig, OverrideConfig, RuleConfig
    from monitor.config.loading import load
    from monitor.config.members import MemberConfig, expanded
    from monitor.config.models import (
        FOR_EACH_FILE,
        BudgetConfig,
        ChecksConfig,
        Config,
        LabelsConfig,
        MonitorConfig,
        PluginConfig,
        QueueConfig,
        ReferenceConfig,
        ReportConfig,
        StoreConfig,
        WebConfig,
    )

__all__ = [
    "FOR_EACH_FILE",
    "BudgetConfig",
    "Cadence",
    "ChecksConfig",
    "ColumnsConfig",
    "Config",
    "LabelsConfig",
    "MemberConfig",
    "MonitorConfig",
    "OverrideConfig",
    "PluginConfig",
    "QueueConfig",
    "ReferenceConfig",
    "ReportConfig",
    "RuleConfig",
    "StoreConfig",
    "WebConfig",
    "expanded",
    "load",
]

_MODULES = {
    "Cadence": "cadence",
    "ColumnsConfig": "columns",
    "OverrideConfig": "columns",
    "RuleConfig": "columns",
    "MemberConfig": "members",
    "expanded": "members",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'models')}")
    return getattr(module, name)
