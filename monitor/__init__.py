"""driftloop: drift and data-quality monitoring that mails only when something really changed."""

__version__ = "0.1.0"
