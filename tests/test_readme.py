"""The README's program of a network that is trained does what its comments say."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_network_of_the_readme_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = README.read_text(encoding="utf-8").partition("## A network, trained")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    names = {}
    exec(compile(code, README.name, "exec"), names)
    assert names["accuracy"] > 0.95
    assert (tmp_path / "digits.safetensors").stat().st_size > 4 * 100_000
    printed = capsys.readouterr().out
    assert "1,007,165,440 parameters" in printed
    assert "(1, 10)" in printed
