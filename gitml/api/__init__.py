"""The Python API of training scripts: what `gitml.<name>` is, imported when it is used."""
