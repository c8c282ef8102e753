"""One module per payment provider, all behind the port in ``port.py``."""
