"""What README.md and docs/ say exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

from emissions.management.documentation import DOCUMENT, documented

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:^|`|&& |[A-Z_]+=\S+ )make ((?:[a-z]+))(?=[ `\n]|$)", re.MULTILINE)
MANAGE = re.compile(r"manage\.py ([a-z_]+)")
VARIABLE = re.compile(
    r"""(?:env\.(?:text|flag|number|items|secret|redis)|os\.environ\.(?:get|setdefault)"""
    r"""|getenv)\(\s*["']([A-Z_0-9]+)["']|os\.environ\[["']([A-Z_0-9]+)["']\]"""
)
SHELL_VARIABLE = re.compile(r"\$\{([A-Z_]+)")
#: Set by make itself; nobody sets it by hand.
NOT_FOR_PEOPLE = {"MAKELEVEL"}


def python_files() -> Iterator[Path]:
    """Return what runs in production or on a developer's machine, without tests."""
    yield ROOT / "manage.py"
    for folder in ("bench", "config", "emissions", "reports"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def variables() -> set[str]:
    found = {
        name
        for file in python_files()
        for pair in VARIABLE.findall(file.read_text(encoding="utf-8"))
        for name in pair
        if name
    }
    for name in ("docker-compose.yml",):
        found |= set(SHELL_VARIABLE.findall((ROOT / name).read_text(encoding="utf-8")))
    return found - NOT_FOR_PEOPLE


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(text)) <= targets
    assert set(MANAGE.findall(text)) <= set(get_commands())


def test_every_make_target_for_people_is_found() -> None:
    """The pattern must not pass because it finds nothing."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"up", "test", "check", "bench"} <= set(MAKE.findall(text))


def test_every_environment_variable_is_explained() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", text))
    assert variables() - explained == set()


def test_the_search_for_variables_finds_the_known_ones() -> None:
    assert {"SECRET_KEY", "DATABASE_URL", "TONNE_DATA_DIR", "WEB_THREADS", "CALCULATOR_RATE",
            "POSTGRES_PASSWORD"} <= variables()  # fmt: skip


def test_tables_of_the_methodology_are_up_to_date() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert documented(text) == text, "run manage.py document_defaults"


def test_a_stale_document_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = tmp_path / "methodology.md"
    fresh = documented(DOCUMENT.read_text(encoding="utf-8"))
    stale.write_text(fresh.replace("| `pue` | 1.54 |", "| `pue` | 1.60 |"), encoding="utf-8")
    command = "emissions.management.commands.document_defaults"
    monkeypatch.setattr(f"{command}.DOCUMENT", stale)
    with pytest.raises(Exception, match="stale"):
        call_command("document_defaults", "--check")
    call_command("document_defaults")
    assert stale.read_text(encoding="utf-8") == fresh


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_address_of_a_developers_machine(page: Path) -> None:
    assert not re.search(r"/(work|root|home)/", page.read_text(encoding="utf-8"))
