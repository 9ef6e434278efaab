import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.calibration import apply, error, fit, outcomes, plot


def test_a_model_too_sure_is_brought_down():
    pairs = [(0.99, i % 4 > 0) for i in range(400)] + [(0.3, i % 10 == 0) for i in range(200)]
    line = fit(pairs)
    assert apply(0.99, line) == pytest.approx(0.75, abs=0.01)
    assert apply(0.3, line) == pytest.approx(0.1, abs=0.01)
    assert error([(apply(p, line), right) for p, right in pairs]) < 0.01 < error(pairs)


def test_too_little_to_fit_leaves_it_alone():
    assert fit([(0.9, True)] * 300) == fit([]) == (1.0, 0.0)
    assert apply(0.8, (1.0, 0.0)) == pytest.approx(0.8)


@given(st.floats(0, 1), st.floats(0.05, 3), st.floats(-3, 3))
def test_a_probability_comes_out(p, slope, intercept):
    assert 0 <= apply(p, (slope, intercept)) <= 1


def test_error_by_hand():
    assert error([(0.95, True), (0.95, False), (0.05, False)]) == pytest.approx((2 * 0.45 + 0.05) / 3)


def test_outcomes_of_the_shipped_model(nlp, sample, tmp_path):
    pairs = list(outcomes(nlp, sample))
    assert len(pairs) > 20 and all(0 <= p <= 1 for p, _ in pairs)
    assert math.fsum(right for _, right in pairs) > len(pairs) / 2
    assert nlp.get_pipe("encoder").skip_plain
    plot(pairs, tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 1000
