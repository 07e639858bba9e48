"""Finds certificates, by linear programmes, for any game; nothing here needs to be trusted.

| module | what it does |
|---|---|
| `polytope` | the no-signalling polytope and its reduction to orbits |
| `values` | guessing probability, local and no-signalling value |
| `case_rows` | the conditions of a proof as rows of a linear programme |
| `table_program` | the best score table for a given β and setting code, as one linear programme |
| `code_program` | the same with the shares of the pairs as unknowns |
| `code_search` | starred pair, pairs to test, bits a run and words: the setting code |
| `prove` | potentials for a given table, one small programme a case |
| `trials` | β and the grid of cases, for one code, step by step |
| `optimise` | the best of several codes, the largest tolerated noise, the finished certificate |
| `quick` | the same in seconds, from certificates that were made for requests nearby |
| `cache` | what was found for a request, kept on disk and proved again |
"""
