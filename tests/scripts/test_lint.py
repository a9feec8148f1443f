# SPDX-License-Identifier: Apache-2.0
"""`./dev lint python` finds each kind of planted mistake. The enabled checks are in .pylintrc."""
import importlib.util
import os

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("lint", os.path.join(ROOT, "scripts", "lint.py"))
lint = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lint)

MISTAKES = {
    "unused-import": "import os\n",
    "undefined-variable": "print(nothing)\n",
    "unused-variable": "def f():\n    a = 1\n",
    "redefined-outer-name": "a = 1\n\n\ndef f(a):\n    return a\n",
    "redefined-builtin": "def f(id):\n    return id\n",
    "cell-var-from-loop": "for i in range(3):\n    def f():\n        return i\n",
    "dangerous-default-value": "def f(a=[]):\n    return a\n",
    "consider-using-f-string": "print('%d' % 1)\n",
    "f-string-without-interpolation": "print(f'a')\n",
    "expression-not-assigned": "1 if print() else 2\n",
    "line-too-long": f"A = '{'x' * 120}'\n",
    "trailing-whitespace": "A = 1 \n",
    "syntax-error": "def\n",
}


def test_python_mistakes(tmp_path):
    for symbol, text in MISTAKES.items():
        (tmp_path / f"{symbol}.py").write_text(text)
    (tmp_path / "sound.py").write_text("print('a')\n")
    found = lint.pylint_findings([str(p) for p in sorted(tmp_path.iterdir())])
    for symbol in MISTAKES:
        lines = found.pop(str(tmp_path / f"{symbol}.py"), [])
        assert any(f"({symbol})" in line for line in lines), (symbol, lines)
    assert not found


@pytest.mark.parametrize("text, good", [("print(1)\n", True), ("def\n", False)])
def test_compile(tmp_path, text, good):
    (tmp_path / "a.py").write_text(text)
    assert (lint.compile_python(str(tmp_path / "a.py")) == "") == good
