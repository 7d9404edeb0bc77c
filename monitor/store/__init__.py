"""The one database: references, ledger, findings, alarms, queue, outbox."""
