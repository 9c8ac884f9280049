"""Start-up module of an observed interpreter: starts the observer, then makes way.

gitml puts this folder first on `PYTHONPATH`, so that `site` runs this file in every interpreter
that an experiment starts. That may be any interpreter, so the files of this folder use nothing
but the standard library, import only what every interpreter has loaded or built in, and parse on
any version (types are comments). They print nothing and raise nothing. The `sitecustomize` that
this one hides is run as if it had been found first. Without the environment variable
`GITML_TRACE` that is all that happens.
"""

import os
import sys

VARIABLE = "GITML_TRACE"


def _observe():
    # type: () -> None
    """Start the observer, if this interpreter can be observed and somebody wants it."""
    try:
        folder = os.environ.get(VARIABLE, "")
        if folder[:1] != "/" or not os.path.isdir(folder):
            return
        if hasattr(sys, "addaudithook"):
            from _gitml_life import observe  # type: ignore[import-not-found]

            observe(folder)
        else:  # nothing of this process will be seen, so that is all there is to tell
            with open(folder + "/" + str(os.getpid()) + "-blind.trace", "w") as file:
                file.write("H\tformat\t1\nP\t1\thidden\t/\tpython\n")
    except Exception:
        pass


def _chain(name):
    # type: (str) -> None
    """Take our folder off the path and run the `sitecustomize` that it hid, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    getattr(sys, "path_importer_cache", {}).pop(here, None)
    ours = sys.modules.pop(name)
    try:
        __import__(name)
    except ImportError as error:
        if getattr(error, "name", name) != name:
            raise
    finally:
        sys.modules.setdefault(name, ours)


if __name__ == "sitecustomize":
    _observe()
    _chain(__name__)
