"""The best adaptive attacks on a certificate that we know, their success computed and not sampled.

A device with memory picks a no-signalling box for every run, and a source that knows it leans every
bit, to make Π F·q^β ever exceed 2^b, however many the runs; by Ville's inequality that succeeds
with probability 2^−b at most, in every security model.  For given boxes the best policy is that of
a Markov decision process over the exponent so far, found by policy iteration: exact but for the
exponent's lattice, between whose points the value is taken to be linear.  The value is convex below
the goal, like 2^x, so that overestimates it: by (h·log 2)²/8 a move at most.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import spsolve

from protocol.certificate.proof import cases, table_group
from protocol.plan.choose import best_plan
from protocol.request import Request
from protocol.search.prove import chord_box
from protocol.security import Security
from qdevices.ks18.game import KS18
from tests.protocol.tables import kept

#: Boxes that the device picks from: those that come nearest to breaking the inequality.
_BOXES = 8
_STEPS_A_BIT = 60


def _boxes(certificate):
    table, proof = certificate.table, certificate.proof
    listed = cases(proof.grid, table_group(table), table.code.starred, KS18)
    found = sorted((chord_box(table, case)[:2] for case in listed), key=lambda pair: -pair[0])
    return [np.maximum(box, 0.0) for _, box in found[:_BOXES]]


class _Attack:
    """A box as moves of the exponent in lattice steps, (words, outcomes), with probabilities."""

    def __init__(self, certificate, box):
        star, gain = certificate.code.starred, certificate.log2_factors.copy()
        gain[star] += certificate.beta * np.log2(np.maximum(box[star], 1e-12))
        words = np.array(certificate.code.words)
        self.moves = np.maximum(gain, -60.0)[words] * _STEPS_A_BIT
        self.chances = (box / box.sum(axis=1, keepdims=True))[words]
        #: How much of a move's weight stays at its lattice point, (words,).
        self.stays = (self.chances * np.maximum(0.0, 1 - np.abs(self.moves))).sum(axis=1)

    def targets(self, levels):
        """Two lattice points and weights for every (word, outcome, level)."""
        place = np.clip(
            np.arange(levels)[None, None, :] + self.moves[:, :, None], 0, levels - 1 - 1e-9
        )
        low = place.astype(np.int64)
        return low, place - low

    def leaves(self, value):
        """Expected value after every word, (words, levels)."""
        low, rest = self.targets(len(value))
        after = (1 - rest) * value[low] + rest * value[low + 1]
        return (self.chances[:, :, None] * after).sum(axis=1)


def _lean(leaves, epsilon):
    """The source's best word probabilities for each level, (words, levels), and their value."""
    high, low = 0.5 + epsilon, 0.5 - epsilon
    choices = []
    while len(leaves) > 1:
        even, odd = leaves[0::2], leaves[1::2]
        choices.append(odd > even)
        leaves = high * np.maximum(even, odd) + low * np.minimum(even, odd)
    weights = np.ones_like(leaves)
    for odd_higher in reversed(choices):
        first = np.where(odd_higher, low, high) * weights
        second = np.where(odd_higher, high, low) * weights
        weights = np.stack([first, second], axis=1).reshape(-1, leaves.shape[1])
    return weights, leaves[0]


def _success(certificate, bits):
    """Probability that the exponent, from 0, ever reaches `bits`, by the best policy."""
    top, depth = bits * _STEPS_A_BIT, (bits + 6) * _STEPS_A_BIT
    levels = top + depth + 1
    value = 2.0 ** np.minimum(0.0, (np.arange(levels) - levels + 1) / _STEPS_A_BIT)
    attacks = [_Attack(certificate, box) for box in _boxes(certificate)]
    inner = np.arange(1, levels - 1)
    for _ in range(12):
        leaned = [_lean(attack.leaves(value), certificate.epsilon) for attack in attacks]
        # By what is won whenever the level is left: to wait for ever wins nothing.
        left = [
            1 - attack.stays @ weights for attack, (weights, _) in zip(attacks, leaned, strict=True)
        ]
        rates = [
            np.where(leaves > 1e-9, (worth - value) / np.maximum(leaves, 1e-9), -np.inf)
            for leaves, (_, worth) in zip(left, leaned, strict=True)
        ]
        best = np.argmax(rates, axis=0)
        rows, columns, weights = [], [], []
        for k, attack in enumerate(attacks):
            mine = inner[best[inner] == k]
            low, rest = (part[:, :, mine] for part in attack.targets(levels))
            chance = attack.chances[:, :, None] * leaned[k][0][:, None, mine]
            for target, share in ((low, 1 - rest), (low + 1, rest)):
                rows.append(np.broadcast_to(mine, target.shape).ravel())
                columns.append(target.ravel())
                weights.append((chance * share).ravel())
        moves = csr_matrix(
            (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
            shape=(levels, levels),
        )
        goal = np.zeros(levels)
        goal[-1] = 1.0
        # What matters is where a level is left for; one that is never left is lost.
        stays = moves.diagonal()
        leaving = np.where(stays < 1 - 1e-12, 1 / np.maximum(1 - stays, 1e-12), 0.0)
        jumps = diags(leaving) @ (moves - diags(stays))
        new = spsolve((identity(levels) - jumps).tocsc(), goal)
        if np.allclose(new, value, rtol=1e-9, atol=0):
            break
        value = new
    return float(value[depth])


@pytest.mark.parametrize("name", ["joint-e0.05-w0.001", "compact-e0.01-w0.001"])
@pytest.mark.parametrize("bits", [5, 8])
def test_no_adaptive_attack_succeeds_more_often_than_certified(name, bits):
    success = _success(kept(name), bits)
    assert success <= 1.02 * 2.0**-bits
    assert success >= 0.2 * 2.0**-bits


def test_nor_against_a_table_for_rare_tests():
    """As it ships for classical side information; its few cases leave an attack much less."""
    asked = Request(10**6, 0.05, KS18.noisy(0.001), security=Security("classical"))
    found = best_plan(asked).certificate
    assert found.code.bits_per_run > 7
    assert 0 <= _success(found, 5) <= 1.02 * 2.0**-5
