"""Draws bar charts of what the suite has measured, as SVG that needs nothing else, and reads well on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import tables
from results import Results, Row, median

WIDTH, LABEL, END, ROW, HEAD = 760, 260, 90, 26, 44  # pixels
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .head { font-weight: 600; font-size: 15px; }
  .axis { fill: #57606a; font-size: 11px; }
  .line { stroke: #d0d7de; stroke-width: 1; }
  .ours { fill: #0969da; }
  .theirs { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .axis { fill: #9198a1; }
    .line { stroke: #3d444d; }
    .ours { fill: #4493f8; }
    .theirs { fill: #656c76; }
  }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    label: str
    value: float
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Bars on a scale of tens: what is compared differs by more than a line could show."""

    name: str
    title: str
    unit: str
    bars: Sequence[Bar]

    def text(self) -> str:
        """Return the same as words, for who does not see it."""
        said = "; ".join(f"{bar.label} {tables.number(bar.value)} {self.unit}" for bar in self.bars)
        return f"{said}. The scale is logarithmic."


def svg(chart: Chart) -> str:
    """Return the drawing."""
    values = [max(1e-6, bar.value) for bar in chart.bars]
    low = math.floor(math.log10(min(values) / 2))  # half a line at least for the shortest
    high = max(low + 1, math.ceil(math.log10(max(values))))
    height, room = HEAD + ROW * len(chart.bars) + 24, WIDTH - LABEL - END
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(chart.title)}</title>',
        f'<desc id="d">{escape(chart.text())}</desc>',
        f"<style>{STYLE}</style>",
        f'<text class="head" x="8" y="22">{escape(chart.title)}</text>',
    ]
    for power in range(low, high + 1):
        x = LABEL + room * (power - low) / (high - low)
        lines.append(f'<line class="line" x1="{x:.0f}" y1="{HEAD - 8}" x2="{x:.0f}" y2="{height - 20}"/>')
        label = f"{10**power:,g} {chart.unit}"
        lines.append(f'<text class="axis" x="{x:.0f}" y="{height - 6}" text-anchor="middle">{label}</text>')
    for number, bar in enumerate(chart.bars):
        y = HEAD + ROW * number
        wide = room * (math.log10(max(bar.value, 10.0**low)) - low) / (high - low)
        kind = "ours" if bar.ours else "theirs"
        lines += (
            f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{max(2, wide):.1f}" height="{ROW - 8}" rx="2"/>',
            f'<text x="{LABEL + max(2, wide) + 6:.1f}" y="{y + 14}">{tables.number(bar.value)}</text>',
        )
    return "\n".join((*lines, "</svg>", ""))


def charts(results: Results) -> Iterator[Chart]:
    """Yield those for which something was measured."""
    for state, title in (("nothing", "Nothing to do"), ("first", "First apply"), ("drift", "1 % drifted")):
        bars = _tools(results, f"files/1000/{state}/")
        yield Chart(name=f"files-{state}", title=f"{title}, 1,000 files: CPU", unit="ms", bars=bars)
    bars = [
        Bar(label=row.work.partition("drifts of ")[2], value=median(row.trued), ours=True)
        for row in results.rows
        if row.part == "latency" or (row.part.startswith("latency-") and "/all/" in row.key)
    ]
    yield Chart(name="latency", title="From drift to repaired", unit="ms", bars=bars)
    yield Chart(
        name="idle", title="Idle, 1,000 files: PSS", unit="MiB", bars=_tools(results, "idle/1000/", "pss")
    )


def _tools(results: Results, start: str, end: str = "") -> list[Bar]:
    """Return one bar for each of trued's ways and each rival of the rows whose key is like that."""
    bars: dict[str, Bar] = {}
    for row in results.rows:
        if row.key.startswith(start) and row.key.endswith(end):
            mine, label = _mine(row), row.rival
            bars.setdefault(mine, Bar(label=mine, value=median(row.trued), ours=True))
            if row.against:
                bars.setdefault(label, Bar(label=label, value=median(row.against)))
    return sorted(bars.values(), key=lambda bar: bar.value)


def _mine(row: Row) -> str:
    what = row.work.rpartition(": ")[2]
    if row.part == "idle":
        return f"trued, {row.work.rpartition(', repository ')[2].partition(':')[0]}"
    return f"trued, {what}" if what.startswith("a ") else what


def write(results: Results, docs: Path) -> Iterator[Path]:
    """Write all of them, and yield where."""
    folder = docs / "charts"
    folder.mkdir(exist_ok=True)
    for chart in charts(results):
        if chart.bars:
            path = folder / f"{chart.name}.svg"
            path.write_text(svg(chart))
            yield path
