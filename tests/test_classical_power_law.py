"""Power laws: exact on exact data, and what the demo reads out of a run."""

import json

import numpy as np
import pytest

from minigen import data
from minigen.cli import main
from minigen.models.classical.power_law import PowerLaw

COMPUTE = np.array([1e6, 3e7, 2e9, 1e12])


def test_an_exact_law_is_found_exactly():
    error = 5 * COMPUTE**-0.25
    law = PowerLaw().fit(COMPUTE, error)
    assert law.exponent_ == pytest.approx(0.25, abs=1e-10)
    assert law.factor_ == pytest.approx(5, rel=1e-10)
    assert law.score(COMPUTE, error) == pytest.approx(1)
    np.testing.assert_allclose(law.predict([16e8]), 5 * 16e8**-0.25)
    np.testing.assert_allclose(law.compute_for(error), COMPUTE, rtol=1e-9)
    half = law.compute_for(error[0] / 2) / COMPUTE[0]
    assert half == pytest.approx(2 ** (1 / 0.25))


def test_r2_is_the_share_of_the_logarithms_variance():
    error = np.array([0.5, 0.3, 0.2, 0.01])
    law = PowerLaw().fit(COMPUTE, error)
    correlation = np.corrcoef(np.log(COMPUTE), np.log(error))[0, 1]
    assert law.score(COMPUTE, error) == pytest.approx(correlation**2)
    # the logarithms' errors are 0 on average and uncorrelated with the logarithms
    left = np.log(error) - np.log(law.predict(COMPUTE))
    assert left.sum() == pytest.approx(0, abs=1e-10)
    assert left @ np.log(COMPUTE) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("compute", "error", "message"), [
    ([1, 2], [0, 1], "positive numbers"),
    ([1, 2, 3], [1, 2], "as many of both"),
    ([2, 2], [1, 3], "two different of compute"),
])
def test_mistakes_are_explained(compute, error, message):
    with pytest.raises(ValueError, match=message):
        PowerLaw().fit(compute, error)


def test_demo_counts_compute_and_draws(tmp_path, capsys):
    digits = data.digits(140, size=8)
    np.savez(tmp_path / "few.npz", images=np.uint8(255 * digits.images), labels=digits.labels)
    arguments = ["--data", str(tmp_path / "few.npz"), "--out", str(tmp_path), "--set", "size=8",
                 "--set", "widths=2,8", "--set", "steps=80", "--set", "batch=20"]
    assert main(["demo", "power-law", *arguments]) == 0
    folder = tmp_path / "power-law-1"
    assert (folder / "power-law.png").stat().st_size > 10_000
    lines = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    seen = [line for line in lines if "width_2" in line]
    assert [line["step"] for line in seen] == [10, 20, 40, 80]
    found = json.loads((folder / "report.json").read_text())["metrics"]
    weights = {"width_2": 64 * 2 + 2 + 2 * 10 + 10, "width_8": 64 * 8 + 8 + 8 * 10 + 10}
    compute = [6 * weights[name] * 20 * line["step"] for name in weights for line in seen]
    law = PowerLaw().fit(compute, [line[name] for name in weights for line in seen])
    assert found["exponent"] == pytest.approx(law.exponent_)
    assert found["exponent"] > 0
