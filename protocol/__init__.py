"""What the honest parties compute: from weak bits and outcomes to certified random bits."""

from protocol._version import __version__

__all__ = ["__version__"]
