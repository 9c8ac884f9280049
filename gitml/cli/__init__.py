"""The command line: parse, call one operation, render what it returns."""

import gc

# Loading modules makes no garbage, and looking for it takes a tenth of a short command's time.
gc.set_threshold(50_000, 20, 50)
