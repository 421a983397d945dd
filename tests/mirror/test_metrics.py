"""What is measured is told in Prometheus' format, moves when something happens, and is what the dashboard asks for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from devpi_noegress.measures import MEASURES, Measures
from mirror_lab import Index, Served

DASHBOARD = json.loads((Path(__file__).parents[2] / "mirror/dashboards/grafana.json").read_text())
LINE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="[^"\\]*",?)+\})? (-?[0-9.e+]+)')
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
CONDITIONAL = {"noegress_advisories_age_seconds"}  # told where advisories were imported


def scrape(mirror: Served) -> dict[str, float]:
    """Every sample by its name and labels; a line of another form fails."""
    found = {}
    for line in mirror.get("/+noegress/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match, line
            found[f"{match[1]}{match[2] or ''}"] = float(match[3])
    return found


def test_an_admission_shows_in_every_measure_that_it_touches(mirror: Served, shared_index: Index) -> None:
    published = shared_index.publish("metrics-one", "1.0")
    before = scrape(mirror)
    mirror.page("metrics-one")
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 200
    after = scrape(mirror)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown('noegress_files{state="admitted"}') == 1
    assert grown('noegress_decisions_total{state="admitted"}') == 1
    assert grown('noegress_requests_total{door="page",status="200"}') == 1
    assert grown('noegress_requests_total{door="file",status="200"}') == 1
    assert grown('noegress_request_seconds_count{door="file"}') == 1
    assert grown('noegress_upstream_requests_total{outcome="200"}') == 2
    assert grown("noegress_upstream_bytes_total") == len(published.content)
    for name in ("noegress_admission_seconds", "noegress_scan_seconds", "noegress_commit_seconds"):
        assert grown(f"{name}_count") == 1
        assert grown(f'{name}_bucket{{le="+Inf"}}') == 1
    assert after["noegress_catalogue_behind"] == 0
    assert after["process_resident_memory_bytes"] > 10_000_000


def test_trouble_with_the_upstream_is_counted_by_what_it_was(mirror: Served, shared_index: Index) -> None:
    published = shared_index.publish("metrics-two", "1.0")
    mirror.page("metrics-two")
    published.content += b"more"
    before = scrape(mirror)
    wrong = published.content[:-4]
    assert mirror.get(mirror.file_path(wrong, published.filename)).status == 504
    name = 'noegress_admission_failures_total{cause="upstream"}'
    assert scrape(mirror)[name] == before.get(name, 0) + 1


def test_health_names_no_trouble_where_there_is_none(mirror: Served) -> None:
    got = mirror.get("/+noegress/health")
    assert (got.status, got.headers["cache-control"]) == (200, "no-store")
    assert got.body.startswith(b"serving\n")


@pytest.mark.parametrize("query", QUERIES)
def test_the_dashboard_asks_for_what_the_mirror_tells(query: str, mirror: Served) -> None:
    told = {name.partition("{")[0] for name in scrape(mirror)} | set(MEASURES) | CONDITIONAL
    told |= {f"{name}_bucket" for name, measure in MEASURES.items() if measure.buckets}
    asked = set(re.findall(r"\b((?:noegress|process)_[a-z_]+)", query))
    assert asked
    assert asked <= told


def test_every_counter_and_histogram_stands_on_the_dashboard() -> None:
    asked = " ".join(QUERIES)
    assert [name for name in MEASURES if name not in asked] == []


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: Any = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _y in cells) < 24
        taken |= cells


def test_a_histogram_counts_each_duration_in_every_bucket_that_holds_it() -> None:
    measures = Measures()
    for seconds in (0.05, 0.2, 500.0):
        measures.took("noegress_scan_seconds", seconds)
    lines = [line for line in measures.lines() if line.startswith("noegress_scan_seconds")]
    assert 'noegress_scan_seconds_bucket{le="0.1"} 1' in lines
    assert 'noegress_scan_seconds_bucket{le="0.3"} 2' in lines
    assert 'noegress_scan_seconds_bucket{le="300.0"} 2' in lines
    assert 'noegress_scan_seconds_bucket{le="+Inf"} 3' in lines
    assert "noegress_scan_seconds_count 3" in lines
