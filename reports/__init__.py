"""Pages and mails, drawn from stored runs; nothing is computed here."""
