"""Git-based versioning for deep-learning experiments: Git is the experiment tracker.

What training scripts may use is imported when it is first asked for, so that `import gitml` costs
nothing that can be measured.
"""

__version__ = "0.1.0"

# Public name → the module that has it.
_PLACES = {
    "experiments": "gitml.api.experiments",
    "hash_split": "gitml.api.splits",
    "load_weights": "gitml.api.weights",
    "log": "gitml.api.history",
    "log_explanations": "gitml.api.explanations",
    "log_figure": "gitml.api.figures",
    "log_importance": "gitml.api.importances",
    "log_predictions": "gitml.api.predictions",
    "log_split": "gitml.api.splits",
    "log_table": "gitml.api.tables",
    "params": "gitml.api.params",
    "save_weights": "gitml.api.weights",
    "summary": "gitml.api.summary",
}

__all__ = [
    "__version__",
    "experiments",
    "hash_split",
    "load_weights",
    "log",
    "log_explanations",
    "log_figure",
    "log_importance",
    "log_predictions",
    "log_split",
    "log_table",
    "params",
    "save_weights",
    "summary",
]

TYPE_CHECKING = False  # as type checkers know it, without importing typing
if TYPE_CHECKING:
    from gitml.api.experiments import experiments
    from gitml.api.explanations import log_explanations
    from gitml.api.figures import log_figure
    from gitml.api.history import log
    from gitml.api.importances import log_importance
    from gitml.api.params import params
    from gitml.api.predictions import log_predictions
    from gitml.api.splits import hash_split, log_split
    from gitml.api.summary import summary
    from gitml.api.tables import log_table
    from gitml.api.weights import load_weights, save_weights
else:

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_PLACES[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
