"""Second opinions on the log: the RFC's own words in Python, and Go's implementation of transparent logs."""
