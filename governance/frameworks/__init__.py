"""Framework catalogues: dated texts that organisations are held to, as data, and how what is recorded is read against
them. Nothing here knows a database."""
