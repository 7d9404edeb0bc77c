"""Other tools' opinions on the same rows: one file for each tool, imported only when used."""
