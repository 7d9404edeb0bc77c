"""Queue rows to annotation tools: one file for each tool or format, named as the config names it.

A format is `plugin`: built without arguments, it has a `name` and
`write(items, spec, out) -> ExportCount`.
"""
