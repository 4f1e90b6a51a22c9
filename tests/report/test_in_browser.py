"""The pages as a real browser without any network draws them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from planner.domain.estimate import Estimate
from planner.report import figures
from planner.report.page import WeeklyPage
from planner.report.render import render_estimate, render_weekly

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,2000",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
)  # fmt: skip

Drawn = Callable[[str], str]

pytestmark = pytest.mark.slow


@pytest.fixture
def drawn(tmp_path: Path) -> Drawn:
    """Draws a page and gives the document as it then is; fails on any error that the browser logs."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        if os.environ.get("FORETUNE_REQUIRE_BROWSER") == "1":
            pytest.fail("no browser found: install chromium")
        pytest.skip("install chromium")

    def draw(html: str) -> str:
        page = tmp_path / "page.html"
        page.write_text(html, encoding="utf-8")
        result = subprocess.run(
            [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
        assert not console, "\n".join(console)
        return result.stdout

    return draw


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)


def tags_of(document: str) -> set[str]:
    """Names of all elements; text inside scripts does not count."""
    parser = _Tags()
    parser.feed(document)
    return parser.names


def places(document: str) -> list[str]:
    """The inside of every place for a chart, up to its caption."""
    return re.findall(r'<div class="chart[^>]*>(.*?)<figcaption>', document, flags=re.DOTALL)


def test_every_chart_of_the_weekly_page_is_drawn(drawn: Drawn, busy_page: WeeklyPage) -> None:
    document = drawn(render_weekly(busy_page))
    found = places(document)
    builders = (figures.forecast_figures, figures.accuracy_figures, figures.drift_figures, figures.gate_figures)
    assert len(found) == sum(len(tuple(build(busy_page))) for build in builders)
    assert all("<svg" in place and "<path" in place for place in found)
    assert 'class="chart failed' not in document
    assert "NaN" not in "".join(found)


def test_the_memory_chart_of_an_estimate_is_drawn(drawn: Drawn, lora_estimate: Estimate) -> None:
    document = drawn(render_estimate(lora_estimate, "run"))
    (place,) = places(document)
    assert "<svg" in place
    assert "usable memory" in place


def test_an_empty_page_opens_without_errors(drawn: Drawn, empty_page: WeeklyPage) -> None:
    assert "There is no forecast yet" in drawn(render_weekly(empty_page))


def test_a_hostile_name_does_nothing(drawn: Drawn, busy_page: WeeklyPage) -> None:
    attack = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    rows = tuple(row.model_copy(update={"run_name": attack, "experiment": attack}) for row in busy_page.comparisons)
    programmes = tuple(
        row.model_copy(update={"programme": attack if row.programme != "all" else "all"}) for row in busy_page.forecast
    )
    page = busy_page.model_copy(update={"comparisons": rows, "forecast": programmes})
    document = drawn(render_weekly(page))
    assert "<title>Fine-tuning capacity, week of 23 November 2026</title>" in document
    assert "img" not in tags_of(document)
    assert all("<svg" in place for place in places(document))


def test_a_script_that_got_into_the_page_anyway_would_not_run(drawn: Drawn, empty_page: WeeklyPage) -> None:
    tampered = render_weekly(empty_page).replace("</main>", "<script>document.title='taken'</script></main>")
    with pytest.raises(AssertionError, match="Content Security Policy"):
        drawn(tampered)
