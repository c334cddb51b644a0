"""Everything the screens say is said in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from tests.whole.translations import ROOT, compiled_is_fresh, faults, hidden, read_catalogue, said, stray_vietnamese

ONE_LANGUAGE = {
    "style_guide.html",  # shows the parts of a page to who builds one; no user of the office meets it
    "incidents/paper.html",  # an official letter to a Vietnamese authority, marked lang="vi"
}
TEMPLATES = [
    one
    for one in sorted((ROOT / "templates").rglob("*.html"))
    if one.relative_to(ROOT / "templates").as_posix() not in ONE_LANGUAGE
]


def test_every_sentence_of_the_screens_is_in_english_too() -> None:
    assert len(said()) > 50
    assert faults(said(), read_catalogue()) == []


def test_the_compiled_catalogue_is_fresh() -> None:
    assert compiled_is_fresh()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_template_speaks_vietnamese_only(path: Path) -> None:
    assert stray_vietnamese(path.read_text("utf-8")) == []


def test_no_sentence_hides_from_the_catalogue() -> None:
    assert [path for path in (ROOT / "casework").rglob("*.py") if hidden(path.read_text("utf-8"))] == []


def test_a_planted_hidden_sentence_is_found() -> None:
    assert hidden("""line = f"{child} · {_('từ %(when)s', when=when)}" """) == [1]
    assert hidden("""since = _("từ %(when)s", when=when)\nline = f"{child} · {since}" """) == []


def test_a_sentence_without_english_is_found(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "casework").mkdir()
    (tmp_path / "templates" / "page.html").write_text('<p>{{ _("Việc của tôi") }} {{ _("Hạn %(day)s", day=day) }}</p>')
    catalogue = Catalog(locale="en")
    assert len(faults(said(tmp_path), catalogue)) == 2
    catalogue.add("Việc của tôi", "My work")
    catalogue.add("Hạn %(day)s", "Due")
    assert faults(said(tmp_path), catalogue) == ["the English wording has other fields: 'Hạn %(day)s'"]
    catalogue["Hạn %(day)s"].string = "Due %(day)s"
    catalogue.add("Cũ", "Old")
    assert faults(said(tmp_path), catalogue) == ["no screen says it any more: 'Cũ'"]


@pytest.mark.parametrize(
    "stray",
    [
        "<p>Việc</p>",
        "{{ title or 'Việc' }}",
        "<a title='Đơn'>",
        "{{ field(label='Tên') }}",
        "{{ f(_('Một'), 'à') }}",
    ],
)
def test_a_planted_stray_sentence_is_found(stray: str) -> None:
    assert stray_vietnamese(stray)


@pytest.mark.parametrize(
    "fine",
    [
        "{{ _('Việc') }}",
        "{# Việc #}<p>{{ f(label=_('Tên')) }}</p>",
        "<!-- Việc -->",
        "{% trans %}Việc{% endtrans %}",
        "<p>due — 3 × 4 · “x”</p>",
        "{{ ngettext('%(num)d việc', '%(num)d việc', n) }}",
    ],
)
def test_what_is_said_through_the_catalogue_is_no_stray(fine: str) -> None:
    assert stray_vietnamese(fine) == []
