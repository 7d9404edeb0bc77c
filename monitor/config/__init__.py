"""config.toml becomes models; each plug-in brings its own Options."""
