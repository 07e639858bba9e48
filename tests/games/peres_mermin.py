"""The Peres-Mermin square: Alice measures a row, Bob a column, of two-qubit observables.

    XI  IX  XX
    IZ  ZI  ZZ
    XZ  ZX  YY

Each context is a joint eigenbasis of two qubits, 4 outcomes, its vectors sorted by the signs of the
three observables.  The state is the maximally entangled one of two ququarts (Bob's vectors
conjugated), so P(x|u) = ¼|<v|w>|², and an orthogonal pair loses.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from qdevices.game import Game

_I, _X, _Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.diag([1, -1])
_Y = 1j * _X @ _Z
SQUARE = [
    [np.kron(_X, _I), np.kron(_I, _X), np.kron(_X, _X)],
    [np.kron(_I, _Z), np.kron(_Z, _I), np.kron(_Z, _Z)],
    [np.kron(_X, _Z), np.kron(_Z, _X), np.kron(_Y, _Y)],
]
COLUMNS = [list(column) for column in zip(*SQUARE, strict=True)]


def signs(context):
    """The four sign patterns that the context's observables can have together, in order."""
    product_sign = round(np.trace(context[0] @ context[1] @ context[2]).real / 4)
    return [s for s in product((1, -1), repeat=3) if s[0] * s[1] * s[2] == product_sign]


def projectors(context):
    """Projectors on the joint eigenvectors, in the order of `signs`."""
    eye = np.eye(4)
    return [(eye + s[0] * context[0]) @ (eye + s[1] * context[1]) / 4 for s in signs(context)]


def honest():
    table = np.zeros((3, 3, 4, 4))
    for (i, row), (j, column) in product(enumerate(SQUARE), enumerate(COLUMNS)):
        for (x, p), (y, q) in product(enumerate(projectors(row)), enumerate(projectors(column))):
            table[i, j, x, y] = np.trace(p @ q).real / 4
    return table.reshape(9, 16).round(12)


def symmetries():
    """All relabellings that keep the honest behaviour: orders of lines, signs, transposition."""
    labels = [[signs(c) for c in contexts] for contexts in (SQUARE, COLUMNS)]
    sign_of = [[round(np.prod(options[0])) for options in contexts] for contexts in labels]
    entries = list(np.ndindex(3, 3, 4, 4))
    found = []
    for swap, rows, columns in product((0, 1), permutations(range(3)), permutations(range(3))):
        for flips in product((1, -1), repeat=9):
            flip = np.reshape(flips, (3, 3))

            # Cell (i, j) goes to (rows[i], columns[j]), or transposed, with its sign flipped.
            def image(i, j, swap=swap, rows=rows, columns=columns):
                return (columns[j], rows[i]) if swap else (rows[i], columns[j])

            if not all(
                sign_of[0][i] * flip[i].prod() == sign_of[swap][rows[i]]
                and sign_of[1][i] * flip[:, i].prod() == sign_of[1 - swap][columns[i]]
                for i in range(3)
            ):
                continue
            moved = []
            for i, j, x, y in entries:
                k, m = image(i, j)
                new_row = [0, 0, 0]
                for t in range(3):
                    new_row[columns[t]] = labels[0][i][x][t] * flip[i, t]
                new_column = [0, 0, 0]
                for t in range(3):
                    new_column[rows[t]] = labels[1][j][y][t] * flip[t, j]
                a, b = (new_column, new_row) if swap else (new_row, new_column)
                moved.append(
                    np.ravel_multi_index(
                        (k, m, labels[0][k].index(tuple(a)), labels[1][m].index(tuple(b))),
                        (3, 3, 4, 4),
                    )
                )
            found.append(moved)
    group = np.unique(np.array(found, dtype=np.int64), axis=0)  # the identity sorts first
    assert (group[0] == np.arange(144)).all()
    return group


PERES_MERMIN = Game(
    name="peres-mermin",
    settings=(3, 3),
    outcomes=(4, 4),
    losing=honest() < 1e-9,
    honest=honest(),
    find_symmetries=symmetries,
)
