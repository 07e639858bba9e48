"""Score certificates by linear programme: found slowly, verified quickly, exactly and by itself.

| module | what it does |
|---|---|
| `polytope` | the no-signalling polytope and its reduction to orbits |
| `potentials` | weak duality: 648 marginal potentials are the whole dual vector |
| `groups` | which symmetries a programme's data leave |
| `values` | eq (36) with its dual, guessing probability, local and no-signalling value |
| `lemma2` | the paper's missing dual vector, in exact arithmetic |
| `case_rows` | the conditions of a proof as rows of a linear programme |
| `table_program` | the best score table for a given β and setting code, as one linear programme |
| `code_program` | the same with the shares of the pairs as unknowns |
| `code_search` | starred pair, pairs to test, bits a run and words: the setting code |
| `optimise` | β, the best of several codes, the largest tolerated noise, the finished certificate |
| `prove` | potentials for a given table, one small programme a case |
| `proof` | the theorem, the cases, and the exact check that everything rests on |
| `file` | certificates as JSON, verified whenever they are read |
| `check` | whether a certificate object is what was proved |
| `shipped` | certificates that come with the package |

Only `proof` has to be believed (with what it stands on: `groups`, `potentials`, and `setting_code`
and `sv_tree` for the weak source): it takes a table and potentials from anywhere and decides in
whole numbers. What a table is worth, `score` and `plan` say.

Why the tables beat the closed form of design 4.2. (1) Credits and penalties follow the expected
noise. (2) The closed form bounds the outcome's probability by the best guess, q^β ≤ g^β, and that
by its tangent at g = 1; here the power p^{1+β} of every outcome is kept up to chords between the
points of a grid. As β → 0 the score per starred run becomes the adversary's least average Shannon
entropy H(x|u0,e), which is never below −log₂ of her guessing probability: over many runs she
cannot be lucky every time. (3) Large β costs little soundness, and setting codes that test only the
pairs that matter, in few bits for both parties together, make large β possible.

Two bounds are conservative. Weak weights ν(u)/ν(u0) enter at their worst for each pair by itself,
and a pair other than u0 is never credited (see `proof`). And the chords give away what a finer
grid would keep.
"""
