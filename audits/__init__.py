"""The laboratory: prediction files in, measured results out. No Django, no database, no network.

`spec` says what may be asked, `frames` checks the file, `cells` reduces it to counted
combinations, `bias` and `explain` measure, `record` and `charts` present. Heavy libraries are
imported inside the functions that use them; `metrics`, `spec` and `errors` are light enough for a
web process.
"""
