"""The files of a finished result: class map, planes of probabilities, picture, record."""
