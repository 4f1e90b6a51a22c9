import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli

HEADER = (
    "resource,provider,accelerator,accelerators_per_instance,region,pricing_category,usd_per_unit,unit,valid_from,"
    "source_url,retrieved_on"
)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_the_shipped_prices_have_no_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("prices", "check", "--fail-on", "warn", "--max-age-days", "10000")
    assert result.exit_code == 0, result.output
    assert "0 findings" in result.output


def test_findings_are_printed_with_their_lines_and_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = (
        "accelerator,us,h100-sxm-80gb,8,here,Standard,40,accelerator_hour,2026-01-01,u,2026-11-01",
        "accelerator,us,h100-sxm-80gb,8,here,Standard,,accelerator_hour,2026-02-01,u,2026-11-01",
        "accelerator,us,h100-80,8,here,Standard,4,accelerator_hour,2026-01-01,u,2026-11-01",
        "accelerator,us,l4-24gb,1,here,Standard,x,accelerator_hour,2026-01-01,u,2026-11-01",
    )
    (tmp_path / "ours.csv").write_text("\n".join((HEADER, *lines)))
    result = run("prices", "check", "ours.csv", "--json", "--max-age-days", "10000")
    assert result.exit_code == 0, result.output
    found = [(finding["line"], finding["kind"]) for finding in json.loads(result.output)]
    assert found == [
        (2, "per accelerator or per instance"),
        (3, "blank"),
        (4, "unknown accelerator"),
        (5, "unreadable"),
    ]
    assert run("prices", "check", "ours.csv", "--fail-on", "warn").exit_code == 4


def test_machines_of_ones_own_are_priced_as_the_template_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init").exit_code == 0
    programme = tmp_path / "foretune.yaml"
    lines = programme.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("# - name: own-rack"))
    lines[start : start + 7] = [line.replace("#", " ", 1) for line in lines[start : start + 7]]
    programme.write_text("\n".join(lines))
    printed = run("estimate", "run.yaml", "--set", "cluster.accelerator=l40s-48gb", "--json")
    assert printed.exit_code == 0, printed.exception
    estimate = json.loads(printed.output)
    rows = estimate["cost_breakdown_usd"]
    assert {"capital", "space", "power"} <= set(rows)
    hours = estimate["duration_s"]["p50"] / 3600 * 4
    assert rows["capital"] == pytest.approx(9000 / (4 * 8766 * 0.6) * hours)
    assert rows["power"] == pytest.approx(estimate["power_w"]["p50"] / 1000 * 0.15 * hours / 4)
    shown = run("estimate", "run.yaml", "--set", "cluster.accelerator=l40s-48gb").output
    assert "kWh" in shown
    assert "CO2e" in shown


def test_the_programmes_own_file_is_checked_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init").exit_code == 0
    programme = tmp_path / "foretune.yaml"
    text = programme.read_text().replace(", usd_per_accelerator_hour: 1.40", "").replace("Committed", "Standard")
    programme.write_text(f"{text}\nprices: ours.csv\n")
    line = "accelerator,us,a100-80gb,1,here,Standard,0.01,accelerator_hour,2026-01-01,u,2026-11-01"
    (tmp_path / "ours.csv").write_text(f"{HEADER}\n{line}\n")
    assert "1 prices in" in run("prices", "check").output
    estimate = json.loads(run("estimate", "run.yaml", "--json").output)
    hours = estimate["duration_s"]["p50"] * 4 / 3600
    assert estimate["cost_breakdown_usd"]["compute"] == pytest.approx(0.01 * hours, rel=1e-3)
    (tmp_path / "ours.csv").unlink()
    result = CliRunner().invoke(cli, ["estimate", "run.yaml"])
    assert "no such file" in str(result.exception)
