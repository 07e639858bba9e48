"""Score certificates: what turns counted runs into min-entropy, proved exactly and by itself.

| module | what it does |
|---|---|
| `score` | what a certificate is, and what its score is worth |
| `kinds` | the kinds of certificates, by name |
| `closed_form` | the kind that is one formula, for the 18-ray game alone |
| `table` | the kind that is a table with a proof, for any game |
| `proof` | the theorem, the cases, and the exact check that everything rests on |
| `potentials` | weak duality: the marginal potentials are the whole dual vector |
| `signalling` | what a proof says of devices that signal a little |
| `rounding` | exact numbers as floats and logarithms that are never below them |
| `groups` | which symmetries of the game a programme's data leave |
| `worth` | what a table is worth, about |
| `file` | certificates as documents, verified whenever they are read |
| `check` | whether a certificate object is what was proved |
| `shipped` | certificates that come with the package |

Of a table only `proof` has to be believed, with what it stands on: `groups` and `potentials`,
`settings.code` and `settings.sv_tree` for the weak source, and `qdevices.game` for the shape of the
game and for its symmetries being relabellings.  It takes a table and potentials from anywhere
(`protocol.search` finds them) and decides in whole numbers.

Why the tables beat the closed form of theory 4.2. (1) Credits and penalties follow the expected
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
