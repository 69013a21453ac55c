from itertools import combinations

import numpy as np
import pytest

from cotune.verdict.hypervolume import boxes, hypervolume, undominated


def by_inclusion_and_exclusion(points: np.ndarray, reference: np.ndarray) -> float:
    """The union of boxes from the reference to each point, over all sets of points."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in combinations(points, size):
            corner = np.min(chosen, axis=0)
            total += (-1) ** (size + 1) * np.prod(np.maximum(corner - reference, 0))
    return total


def test_by_hand() -> None:
    points = np.array([[3.0, 1.0], [1.0, 2.0], [0.5, 0.5], [5.0, -1.0]])
    assert undominated(points).tolist() == [True, True, False, True]
    assert hypervolume(points, np.zeros(2)) == 3 * 1 + 1 * 1
    assert hypervolume(points[:0], np.zeros(2)) == 0
    assert undominated(np.array([[1.0, 1.0], [1.0, 1.0]])).all()


@pytest.mark.parametrize("targets", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_volume_agrees_with_inclusion_and_exclusion(targets: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, reference = rng.random((6, targets)).round(1), np.full(targets, 0.25)
    expected = by_inclusion_and_exclusion(points, reference)
    assert hypervolume(points, reference) == pytest.approx(expected, abs=1e-12)
    assert hypervolume(points[undominated(points)], reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("targets", [1, 2, 3, 4])
def test_boxes_fill_exactly_what_is_left(targets: int) -> None:
    rng = np.random.default_rng(targets)
    points, reference = rng.random((6, targets)).round(1), np.full(targets, 0.25)
    low, high = boxes(points, reference)
    spots = rng.uniform(0.0, 1.2, (4000, targets))
    inside = ((spots[:, None] >= low) & (spots[:, None] < high)).all(axis=2).sum(axis=1)
    free = (spots >= reference).all(axis=1) & ~(spots[:, None] < points).all(axis=2).any(axis=1)
    np.testing.assert_array_equal(inside, free.astype(int))


def test_dominated_points_and_those_below_the_reference_add_no_box() -> None:
    rng = np.random.default_rng(0)
    points, reference = rng.random((60, 4)), np.full(4, 0.3)
    telling = points[(points > reference).all(axis=1)]
    lows, _ = boxes(points, reference)
    assert len(lows) == len(boxes(telling[undominated(telling)], reference)[0]) < 1000
