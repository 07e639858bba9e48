"""What `--json` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click


def show_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object, which has neither nan nor infinities, on one line."""
    click.echo(json.dumps(data, allow_nan=False))
