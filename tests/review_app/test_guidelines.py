"""A team's Markdown on the pages: its structure, and neither scripts nor pictures of other sites."""

import pytest

from imagenet_real.errors import InputError
from imagenet_real.review_app import guidelines


def test_markdown_becomes_html(tmp_path):
    (tmp_path / "rules.md").write_text("\ufeff# Cats\n\n- a *small* cat\n- **no** dog\n\n| a | b |\n|-|-|\n| 1 | 2 |\n")
    html = guidelines.render(tmp_path / "rules.md")
    assert "<h1>Cats</h1>" in html
    assert "<li>a <em>small</em> cat</li>" in html
    assert "<td>2</td>" in html


def test_scripts_and_pictures_stay_text(tmp_path):
    (tmp_path / "rules.md").write_text(
        "<script>x()</script> [a](javascript:x()) ![b](http://c/d.png) <img src=x onerror=x()>"
    )
    html = guidelines.render(tmp_path / "rules.md")
    assert not any(tag in html for tag in ("<script", "<img", 'href="javascript'))
    assert "&lt;script&gt;" in html


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "rules.md").write_bytes(b"\xff\xfe\x00")
    for name in ("rules.md", "nowhere.md"):
        with pytest.raises(InputError, match="Give guidelines in Markdown"):
            guidelines.render(tmp_path / name)
