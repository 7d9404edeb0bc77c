"""Ports, columns, windows, findings, errors and the plug-in loader: what every room shares."""
