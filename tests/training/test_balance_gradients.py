"""Merged gradients equal independent references, and do on plain problems what they are for."""

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar, root

from cotune.training.balance.choice import Balance, made
from cotune.training.balance.contract import Signals, Tasks
from cotune.training.balance.mgda import shortest
from cotune.training.balance.record import cosines

COUNT = 1000


def tasks_of(count, targets=1):
    return Tasks(tuple("abcdef"[:count]), tuple(place < targets for place in range(count)), (1,) * count)


def signals(matrix, *, step=1, targets=1, present=None):
    count = len(matrix) if present is None else len(present)
    owner = np.arange(count) if present is None else np.flatnonzero(present)
    ones = np.ones(len(matrix))
    return Signals(
        tasks_of(count, targets), step, 1, 3, owner, ones, ones, np.ones(count), gradients=torch.tensor(matrix)
    )


def merged(name, matrix, *, step=1, **options):
    balancer = made(Balance(name, options))
    answer, _ = balancer.weigh(signals(matrix, step=step), balancer.start(tasks_of(len(matrix))))
    return answer.weights @ matrix


def matrices(count=COUNT, largest=5):
    rng = np.random.default_rng(7)
    for _ in range(count):
        tasks = int(rng.integers(2, largest + 1))
        shared = rng.standard_normal(8) * rng.choice([0.0, 1.0])
        yield (rng.standard_normal((tasks, 8)) + shared) * np.exp(rng.standard_normal((tasks, 1)))


def subsets(count):
    return chain.from_iterable(combinations(range(count), size) for size in range(count + 1))


def least(product, bounds):
    """Gives the least v'Gv with v >= bounds, by trying which of them hold with equality."""
    found = []
    for held in map(list, subsets(len(product))):
        free = [place for place in range(len(product)) if place not in held]
        v = bounds.copy()
        v[free] = np.linalg.solve(product[np.ix_(free, free)], -product[np.ix_(free, held)] @ bounds[held])
        if (v >= bounds - 1e-12).all():
            found.append((v @ product @ v, tuple(v)))
    return np.array(min(found)[1])


def pcgrad(matrix, step):
    torch.manual_seed(3 * 1_000_003 + step)
    total = np.zeros(matrix.shape[1])
    for place, gradient in enumerate(matrix):
        left = gradient.copy()
        for other in torch.randperm(len(matrix)).tolist():
            if other != place and left @ matrix[other] < 0:
                left -= left @ matrix[other] / (matrix[other] @ matrix[other]) * matrix[other]
        total += left / len(matrix)
    return total


def mgda(matrix):
    found = []
    for kept in map(list, subsets(len(matrix))):
        if kept:
            weights = np.linalg.solve(matrix[kept] @ matrix[kept].T, np.ones(len(kept)))
            weights /= weights.sum()
            if (weights >= 0).all():
                found.append(weights @ matrix[kept])
    return min(found, key=np.linalg.norm)


def cagrad(matrix, c=0.5):
    """Tries which tasks gain least, and so all the same; how much solves a quadratic equation."""
    mean, found = matrix.mean(axis=0), []
    for kept in map(list, subsets(len(matrix))):
        if not kept:
            continue
        inverse = np.linalg.inv(matrix[kept] @ matrix[kept].T)
        ones, now = np.ones(len(kept)), matrix[kept] @ mean
        # the way from the mean is matrix[kept]' v, v = inverse (gain - now), and its square c^2 |mean|^2
        square, half = ones @ inverse @ ones, ones @ inverse @ now
        root = half**2 - square * (now @ inverse @ now - c**2 * mean @ mean)
        if root < 0:
            continue
        gain = (half + np.sqrt(root)) / square
        v = inverse @ (gain - now)
        merged = mean + v @ matrix[kept]
        if (v >= 0).all() and (matrix @ merged >= gain - 1e-9 * np.abs(matrix).max() ** 2).all():
            found.append(merged)
    return max(found, key=lambda merged: (matrix @ merged).min())


def cagrad_of_two(pair, c=0.5):
    """Two tasks leave one unknown."""
    mean = pair.mean(axis=0)
    radius = c * np.linalg.norm(mean)

    def cost(share):
        summed = share * pair[0] + (1 - share) * pair[1]
        return summed @ mean + radius * np.linalg.norm(summed)

    found = minimize_scalar(cost, bounds=(0, 1), method="bounded", options={"xatol": 1e-12}).x
    share = min([0.0, 1.0, found], key=cost)
    summed = share * pair[0] + (1 - share) * pair[1]
    return mean + radius / np.linalg.norm(summed) * summed


def nash(matrix):
    product = matrix @ matrix.T

    def cost(logs):
        a = np.exp(logs)
        return a @ product @ a / 2 - logs.sum(), a * (product @ a) - 1

    start = -np.log(np.diag(product)) / 2
    logs = minimize(cost, start, jac=True, method="BFGS").x  # near the minimum; the root is sharper than it
    return np.exp(root(lambda logs: cost(logs)[1], logs, tol=1e-13).x) @ matrix


def aligned(matrix, wanted):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return values.min() * (left @ right).T @ wanted


def upgrad(matrix):
    bounds = np.eye(len(matrix)) / len(matrix)
    return sum(least(matrix @ matrix.T, bound) for bound in bounds) @ matrix


def apart(one, other):
    """How far two directions are apart."""
    return np.linalg.norm(one / np.linalg.norm(one) - other / np.linalg.norm(other))


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mgda", mgda),
        ("cagrad", cagrad),
        ("nash_mtl", nash),
        ("upgrad", upgrad),
        ("aligned_mtl", lambda m: aligned(m, np.ones(len(m)))),
    ],
)
def test_directions_equal_the_reference_on_a_thousand_matrices(name, reference, installed):
    """Of two to five tasks each."""
    installed(name)
    worst = dict.fromkeys((2, 3, 4, 5), 0.0)
    for matrix in matrices():
        worst[len(matrix)] = max(worst[len(matrix)], apart(merged(name, matrix), reference(matrix)))
    assert all(0 < value < 1e-5 for value in worst.values())


def test_mgda_is_where_torchjds_steps_go(installed):
    """Those of Frank and Wolfe are after n steps within 4 diameter^2 / (n + 2) of the least square of a length.

    torchjd's CAGrad and Nash-MTL need cvxpy, which is no dependency of ours; they have references of their own here.
    """
    installed("pcgrad")
    from torchjd.aggregation import MGDAWeighting

    weighting = MGDAWeighting(epsilon=1e-15, max_iters=300)
    for matrix in matrices(100):
        theirs, ours = weighting(torch.tensor(matrix @ matrix.T)).numpy() @ matrix, merged("mgda", matrix)
        longer = theirs @ theirs - ours @ ours
        widest = max(((one - other) ** 2).sum() for one, other in combinations(matrix, 2))
        assert longer <= 4 * widest / 302
        assert ((theirs - ours) ** 2).sum() <= longer + 1e-12 * widest  # so it is of the shortest


def gradnorm(losses, matrices, alpha=1.5, lr=0.025):
    """Gives the weights of each step; none falls below 1e-6."""
    weights = [np.full(len(matrices[0]), 1 / len(matrices[0]))]
    for line, matrix in zip(losses, matrices, strict=True):
        norms = np.sqrt((matrix**2).sum(axis=1))
        norms, pace = norms / norms.mean(), np.array(line) / losses[0]
        own = weights[-1] * norms
        slopes = np.where(own > own.mean() * (pace / pace.mean()) ** alpha, norms, -norms)
        moved = np.maximum(weights[-1] - lr * slopes, 1e-6)
        weights.append(moved / moved.sum())
    return np.array(weights)


def test_gradnorm_equals_the_reference_after_two_steps_on_a_thousand_matrices():
    rng = np.random.default_rng(1)
    for matrix in matrices():
        balancer, losses = made(Balance("gradnorm")), rng.uniform(0.5, 3.0, (3, len(matrix)))
        state, turned = balancer.start(tasks_of(len(matrix))), [matrix, matrix[::-1].copy(), matrix]
        for line, each in zip(losses, turned, strict=True):
            answer, state = balancer.weigh(replace(signals(each), losses=line), state)
        assert apart(answer.weights @ matrix, gradnorm(losses, turned)[2] @ matrix) < 1e-5


def test_pcgrad_equals_projections_of_the_vectors_in_the_same_order(installed):
    installed("pcgrad")
    for step, matrix in enumerate(matrices()):
        np.testing.assert_allclose(merged("pcgrad", matrix, step=step), pcgrad(matrix, step), atol=1e-9)


def test_cagrad_equals_the_reference_of_two_tasks():
    assert max(apart(merged("cagrad", matrix), cagrad_of_two(matrix)) for matrix in matrices(largest=2)) < 1e-5


def test_cagrad_closes_the_gap_between_least_gain_and_its_bound():
    """No direction in the ball gains more in its worst task than the dual cost of any average of the gradients."""
    for matrix in matrices():
        mean, found = matrix.mean(axis=0), merged("cagrad", matrix)
        radius = 0.5 * np.linalg.norm(mean)
        away = found - mean  # along the average that bounds the gain
        assert np.linalg.norm(away) == pytest.approx(radius, rel=1e-9)
        weights = np.linalg.lstsq(matrix.T, away, rcond=None)[0]
        bound = (weights / weights.sum()) @ matrix
        bound = bound @ mean + radius * np.linalg.norm(bound)
        assert (matrix @ found).min() == pytest.approx(bound, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.5], [-2.0, -1.0], [1.0, 3.0]],
        [[3.0, 1.0], [-1.0, 2.0], [-1.0, -1.5], [0.1, -1.0]],
        [[1e-4, 2e-4], [-40.0, -80.0], [0.0, 0.0]],
    ],
)
@pytest.mark.parametrize("c", [0.5, 2.0])
def test_cagrad_keeps_to_its_ball_where_gradients_cancel_out(matrix, c):
    """Some average of them has no length. A ball with 0 in it has a direction in which no task loses."""
    matrix = np.array(matrix)
    mean, found = matrix.mean(axis=0), merged("cagrad", matrix, c=c)
    assert np.linalg.norm(found - mean) <= c * np.linalg.norm(mean) * (1 + 1e-6)
    assert c < 1 or (matrix @ found).min() >= -1e-5 * (matrix**2).sum(axis=1).mean()


def test_preferences_turn_aligned_mtl_and_upgrad(installed):
    installed("aligned_mtl")
    for matrix in matrices(50):
        wanted = np.array([3.0, *[1.0] * (len(matrix) - 1)])
        found = merged("aligned_mtl", matrix, preferences={"a": 3.0})
        assert apart(found, aligned(matrix, wanted / wanted.sum())) < 1e-5
        assert apart(merged("upgrad", matrix, preferences={"a": 3.0}), merged("upgrad", matrix)) > 1e-9


@pytest.mark.parametrize("name", ["mgda", "upgrad", "nash_mtl"])
def test_no_task_loses_along_the_merged_gradient(name, installed):
    installed(name)
    for matrix in matrices(100):
        assert (matrix @ merged(name, matrix) >= -1e-7 * np.linalg.norm(matrix)).all()


@pytest.mark.parametrize("name", ["mgda", "nash_mtl", "upgrad", "aligned_mtl", "pcgrad", "cagrad"])
def test_one_task_in_a_batch_keeps_the_direction_of_its_gradient(name, installed):
    installed(name)
    balancer, row = made(Balance(name)), np.array([[1.0, -2.0, 0.5]])
    answer, _ = balancer.weigh(signals(row, present=[False, True, False]), balancer.start(tasks_of(3)))
    assert answer.weights[[0, 2]].tolist() == [0.0, 0.0]
    assert answer.weights[1] > 0


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_aligned_mtl_reaches_the_preferred_point_of_a_convex_problem(share, installed):
    """Two bowls of other scale and shape in the plane: the minimum of their preferred sum has a closed form."""
    installed("aligned_mtl")
    curves = [np.diag([1.0, 3.0]), np.diag([20.0, 5.0])]
    centres = [np.array([-1.0, 1.0]), np.array([2.0, -1.0])]
    total = share * curves[0] + (1 - share) * curves[1]
    wanted = np.linalg.solve(total, share * curves[0] @ centres[0] + (1 - share) * curves[1] @ centres[1])
    point = np.array([3.0, 3.0])
    for step in range(2500):
        matrix = np.array([curve @ (point - centre) for curve, centre in zip(curves, centres, strict=True)])
        point = point - 0.2 / (1 + step / 200) * merged("aligned_mtl", matrix, preferences={"a": share, "b": 1 - share})
    np.testing.assert_allclose(point, wanted, atol=5e-3)


ARML = [
    ([[1.0, 0.0, 1.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]], (1, 2, 3)),
    ([[1.0, 1.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 1.0, 0.5], [0.5, 0.0, 1.0]], (1, 2, 3)),
    ([[0.5, -1.0, 2.0], [1.0, 0.0, 1.0], [0.0, -1.0, 1.0]], (1, 2)),
    ([[2.0, 0.0, 0.0], [1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [-2.0, 0.0, 1.0]], (1, 2, 3)),
    ([[0.0, 8.0, 0.0], [0.0, 0.5, 0.5], [0.0, -2.0, 0.0], [0.0, 2.0, 1.0]], (1, 2, 3)),
]
"""Gradients of the target and of the helpers that are in the batch, and which those are."""


def dot(one, other):
    return sum(x * y for x, y in zip(one, other, strict=True))


def nearest(values, total):
    """Gives the nearest values >= 0 with a sum, by halving: all fall by one amount until they stop at 0."""
    low, high = min(values) - total, max(values)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(v - middle, 0.0) for v in values) > total else (low, middle)
    return [max(v - low, 0.0) for v in values]


def test_arml_steps_down_on_the_simplex_by_hand():
    """Five steps a_k <- a_k - lr <g_k, sum a_j g_j - g> / max |g_j|^2, then to the nearest a >= 0 with sum 3."""
    balancer = made(Balance("arml", {"lr": 0.5}))
    state, weights, path = balancer.start(tasks_of(4)), {1: 1.0, 2: 1.0, 3: 1.0}, []
    for (main, *rows), here in ARML:
        helpers = dict(zip(here, rows, strict=True))
        summed = [sum(weights[k] * row[x] for k, row in helpers.items()) - main[x] for x in range(3)]
        largest = max(dot(row, row) for row in rows)
        moved = {k: weights[k] - 0.5 * dot(row, summed) / largest for k, row in helpers.items()}
        values = nearest([moved.get(k, weights[k]) for k in (1, 2, 3)], 3.0)
        weights = dict(zip((1, 2, 3), values, strict=True))
        present = [k in (0, *here) for k in range(4)]
        answer, state = balancer.weigh(signals(np.array([main, *rows]), present=present), state)
        np.testing.assert_allclose(answer.weights, [1 / 4, *(value / 4 for value in values)], atol=1e-6, rtol=0)
        path.append(values)
    assert path[0] == pytest.approx([23 / 24, 13 / 12, 23 / 24])  # 3/4, 7/8 and 3/4 before the projection
    assert any(0.0 in values for values in path)
    assert len({tuple(values) for values in path}) == 5


def test_arml_gives_a_planted_helper_three_times_the_weight_of_a_useless_task():
    won = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        balancer, main = made(Balance("arml")), rng.standard_normal(40)
        state = balancer.start(tasks_of(3))
        for step in range(1, 101):
            noise = rng.standard_normal((3, 40))
            matrix = np.array([main + 0.5 * noise[0], main + 0.5 * noise[1], 2 * noise[2]])
            _, state = balancer.weigh(signals(matrix, step=step), state)
        assert state["weights"][1:].sum() == pytest.approx(2.0)
        won += state["weights"][1] >= 3 * state["weights"][2]
    assert won >= 9


def test_arml_without_helpers_or_without_the_target_in_a_batch_changes_nothing():
    balancer = made(Balance("arml"))
    for matrix, present in (([[1.0, 0.0]], [True, False]), ([[1.0, 0.0]], [False, True])):
        answer, state = balancer.weigh(signals(np.array(matrix), present=present), balancer.start(tasks_of(2)))
        assert answer.weights.tolist() == [0.5, 0.5]
        assert state["weights"].tolist() == [1.0, 1.0]


def test_gradients_that_cancel_or_vanish_are_no_accident():
    assert shortest(np.array([[1.0, -1.0], [-1.0, 1.0]])).tolist() == pytest.approx([0.5, 0.5])
    assert np.isfinite(shortest(np.zeros((3, 3)))).all()
    for matrix in ([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]):
        assert np.isfinite(merged("nash_mtl", np.array(matrix))).all()


def test_cosines_are_those_of_the_pairs_in_the_batch():
    found = cosines(torch.tensor([[1.0, 0.0], [-2.0, 0.0]]), np.array([True, False, True]))
    assert found == (None, pytest.approx(-1.0), None)
