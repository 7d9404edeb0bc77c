"""Findings over time become alarms: how sure, and at how many false mails a year."""
