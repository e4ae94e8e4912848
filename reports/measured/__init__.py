"""What was measured of a subject: the fields of the document, one file for each kind of measurement."""
