import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from planner.domain.estimate import Estimate
from planner.report.page import ComparisonRow, GateRow, QualityRow, UnreadRow, WeeklyPage
from planner.report.render import render_estimate, render_weekly

ATTACK = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>"


class Elements(HTMLParser):
    """Tags with their attributes, and the text inside scripts, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.visible = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._inside != "style":
            self.visible += data

    def charts(self) -> list[dict[str, object]]:
        return [json.loads(text) for attributes, text in self.scripts if attributes.get("type") == "application/json"]


@pytest.fixture(scope="module")
def busy_html(busy_page: WeeklyPage) -> str:
    return render_weekly(busy_page)


@pytest.fixture(scope="module")
def attacked_page(busy_page: WeeklyPage) -> WeeklyPage:
    """Every text that a stranger can choose is an attack."""
    hostile = {"run_name": ATTACK, "experiment": ATTACK, "run_id": ATTACK, "name": ATTACK, "reasons": ATTACK}
    hostile |= {"reason": ATTACK, "field": ATTACK, "origins": ATTACK, "group": ATTACK, "programme": ATTACK}
    hostile |= {"label": ATTACK, "value_text": ATTACK, "note": ATTACK, "title": ATTACK, "calibration_id": ATTACK}

    def changed(value: object) -> object:
        if isinstance(value, dict):
            return {key: hostile[key] if key in hostile else changed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        return value

    attacked = changed(busy_page.model_dump(mode="json") | {"notes": []})
    assert isinstance(attacked, dict)
    return WeeklyPage.model_validate(attacked | {"notes": [ATTACK]})


def test_names_from_strangers_stay_text(attacked_page: WeeklyPage, busy_html: str) -> None:
    html = render_weekly(attacked_page)
    seen = Elements(html)
    assert "<script>alert" not in html
    assert "<img src=http" not in html
    assert not [tag for tag, attributes in seen.tags if tag == "img" or "onerror" in attributes]
    num_code_scripts = sum("type" not in attributes for attributes, _ in seen.scripts)
    assert num_code_scripts == sum("type" not in attributes for attributes, _ in Elements(busy_html).scripts) == 2
    assert ATTACK in seen.visible
    assert any(ATTACK in json.dumps(chart) for chart in seen.charts())


def test_an_estimate_page_escapes_the_name_of_its_configuration(lora_estimate: Estimate) -> None:
    html = render_estimate(lora_estimate.model_copy(update={"notes": (ATTACK,), "accelerator": ATTACK}), ATTACK)
    assert "<script>alert" not in html
    assert "<img src=http" not in html
    assert ATTACK in Elements(html).visible


def test_the_page_loads_nothing_from_elsewhere(busy_html: str, lora_estimate: Estimate) -> None:
    for html in (busy_html, render_estimate(lora_estimate, "run")):
        for tag, attributes in Elements(html).tags:
            assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
            assert "src" not in attributes
            assert (attributes.get("href") or "#").startswith("#")
        style = html.split("<style>")[1].split("</style>")[0]
        assert "url(" not in style
        assert "@import" not in style
        assert '"url"' not in "".join(json.dumps(chart) for chart in Elements(html).charts())


def test_the_security_policy_forbids_the_network_and_lists_exactly_the_scripts_of_the_page(busy_html: str) -> None:
    seen = Elements(busy_html)
    policy = next(a["content"] for tag, a in seen.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert not re.search(r"https?:|\*", policy)
    assert "unsafe" not in rules["script-src"]
    listed = set(re.findall(r"'sha256-([^']+)'", rules["script-src"]))
    present = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for attributes, text in seen.scripts
        if "type" not in attributes
    }
    assert listed == present


def test_the_chart_library_is_there_once(busy_html: str) -> None:
    assert busy_html.count("window.vegaEmbed") == 1
    assert len(busy_html) < 3_000_000


def test_every_chart_has_a_place_and_a_description(busy_html: str) -> None:
    seen = Elements(busy_html)
    places = {a["id"]: a for tag, a in seen.tags if tag == "div" and a.get("class") == "chart"}
    wanted = [a["data-chart"] for a, _ in seen.scripts if "data-chart" in a]
    assert len(wanted) == len(set(wanted)) == 6 + 1 + 2 * 4 + 2 + 1
    assert set(wanted) == set(places)
    assert all(place["role"] == "img" and place["aria-label"] for place in places.values())


def test_the_page_is_accessible(busy_html: str) -> None:
    seen = Elements(busy_html)
    assert ("html", {"lang": "en"}) in seen.tags
    assert sum(tag == "h1" for tag, _ in seen.tags) == 1
    headings = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch(r"h\d", tag)]
    assert all(deeper <= level + 1 for level, deeper in pairwise(headings))
    assert all(attributes.get("scope") == "col" for tag, attributes in seen.tags if tag == "th")
    ids = {attributes["id"] for _, attributes in seen.tags if "id" in attributes}
    assert {a["href"][1:] for tag, a in seen.tags if tag == "a" and a["href"]} <= ids


def test_every_section_of_an_empty_page_says_why_and_what_to_do(empty_page: WeeklyPage) -> None:
    seen = Elements(render_weekly(empty_page))
    assert not seen.charts()
    assert not [tag for tag, _ in seen.tags if tag == "table"]
    empty = [a for tag, a in seen.tags if tag == "p" and a.get("class") == "empty"]
    assert len(empty) == 6 + 1  # one a section, one for readers without JavaScript
    for advice in ("planned_updates", "system metrics", "foretune gate", "sources in foretune.yaml"):
        assert advice in seen.visible
    assert "physics alone" in seen.visible


def test_figures_reach_the_page_in_readable_units(busy_html: str) -> None:
    visible = Elements(busy_html).visible
    for text in (
        "34,900 USD",
        "11.4 TiB",
        "8.4 %",
        "x 1.22",
        "c-2026-11-23-5f0a91",
        "06:00",
        "Prices as of 1 November",
    ):
        assert text in visible


def test_a_long_table_is_cut_and_says_so(busy_page: WeeklyPage) -> None:
    visible = Elements(render_weekly(busy_page)).visible
    assert f"{len(busy_page.comparisons) - 200:,} more rows are not shown here" in visible


def test_rows_with_nothing_but_zeros_and_unknowns_are_shown(empty_page: WeeklyPage) -> None:
    zero = ComparisonRow(
        run_id="r", run_name="r", experiment="e", resource="checkpoint_bytes",
        ended_at=datetime(2026, 1, 1, tzinfo=UTC), actual=0.0, prior_p50=0.0, p10=0.0, p50=0.0, p90=0.0, within=True,
    )  # fmt: skip
    gate = GateRow(
        decided_at=datetime(2026, 1, 1), name="r", verdict="warn", reasons="no price", cost_usd_p50=None,  # noqa: DTZ001
        duration_s_p50=0.0, fits_probability=0.999, actual_duration_s=None,
    )  # fmt: skip
    quality = QualityRow(experiment="e", num_runs=0, num_estimable=0, field="f", known_ratio=0.0, origins="")
    unread = UnreadRow(run_id="r", run_name="r", experiment="e", reason="no model")
    page = empty_page.model_copy(
        update={"comparisons": (zero,), "gate_log": (gate,), "quality": (quality,), "unread": (unread,)}
    )
    visible = Elements(render_weekly(page)).visible
    assert "unknown" in visible
    assert "> 99 %" in visible


def test_the_same_page_gives_the_same_text(busy_page: WeeklyPage, busy_html: str) -> None:
    assert render_weekly(busy_page) == busy_html
