"""Git-based versioning for deep-learning experiments: Git is the experiment tracker."""

__version__ = "0.1.0"
