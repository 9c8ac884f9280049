"""Git-based versioning for deep-learning experiments: Git is the experiment tracker.

What training scripts may use is imported when it is first asked for, so that `import gitml` costs
nothing that can be measured.
"""

__version__ = "0.1.0"

# Public name → the module that has it.
_PLACES = {
    "hash_split": "gitml.api.splits",
    "log_split": "gitml.api.splits",
}

__all__ = ["__version__", "hash_split", "log_split"]

TYPE_CHECKING = False  # as type checkers know it, without importing typing
if TYPE_CHECKING:
    from gitml.api.splits import hash_split, log_split
else:

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_PLACES[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
