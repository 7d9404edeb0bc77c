"""The web page: what runs, what differs, where the reports are. It only reads."""
