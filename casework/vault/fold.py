"""Folding of Vietnamese names, so that a search finds a child however the name was typed."""

from __future__ import annotations

import unicodedata


def fold_name(text: str) -> str:
    """Lower case without tone, hook or vowel marks, blanks collapsed: `Hoà  Đỗ` and `hòa đỗ` both give `hoa do`.

    For search digests and accent-free search only; the true name is what is shown. `đ` is changed by hand: it is the
    one Vietnamese letter that Unicode does not decompose.
    """
    lowered = unicodedata.normalize("NFC", text).lower().replace("đ", "d")
    bare = "".join(c for c in unicodedata.normalize("NFD", lowered) if not unicodedata.combining(c))
    return " ".join(bare.split())
