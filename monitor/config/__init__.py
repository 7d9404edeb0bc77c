"""config.toml becomes models; each plug-in brings its own Options."""

from monitor.config.cadence import Cadence
from monitor.config.columns import ColumnsConfig, OverrideConfig, RuleConfig
from monitor.config.loading import load
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
    "MonitorConfig",
    "OverrideConfig",
    "PluginConfig",
    "QueueConfig",
    "ReferenceConfig",
    "ReportConfig",
    "RuleConfig",
    "StoreConfig",
    "WebConfig",
    "load",
]
