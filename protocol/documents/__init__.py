"""Documents and files: read strictly and to a limit, written whole or not at all."""
