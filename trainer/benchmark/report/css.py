"""How report.html looks, on the screen and in print."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root { color-scheme: light; --ink: #1c1e21; --soft: #5f6368; --line: #d5d8dc; }
* { box-sizing: border-box; }
html { background: #fff; }
body {
  margin: 0 auto; padding: 3rem 1.25rem 4rem; max-width: 1080px; color: var(--ink); background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 0.4rem; font-weight: 650; }
h2 { font-size: 1.25rem; margin: 3rem 0 0.6rem; font-weight: 650; }
h3 { font-size: 0.95rem; margin: 1.6rem 0 0.4rem; font-weight: 650; }
h4 { font-size: 0.9rem; margin: 1.3rem 0 0.35rem; font-weight: 600; }
h4 small { color: var(--soft); font-weight: 400; margin-left: 0.4em; }
p { max-width: 56rem; margin: 0.6rem 0; }
.byline { color: var(--soft); font-size: 0.9rem; margin-top: 0; }
.lead { font-size: 1.06rem; }
.note { border-left: 3px solid #E69F00; padding: 0.1rem 0 0.1rem 0.8rem; font-size: 0.92rem; }
.item { margin: 1.8rem 0 2.2rem; }
h2 + .item { margin-top: 0.8rem; }
.item > svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif !important; }
.caption { font-size: 0.86rem; line-height: 1.45; color: #33363a; max-width: none; margin: 0.6rem 0; }
.caption b { color: var(--ink); }
.scroll { overflow-x: auto; }
table {
  border-collapse: collapse; font-size: 0.84rem; line-height: 1.35; min-width: 100%;
  font-variant-numeric: tabular-nums; border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink);
}
table.small { font-size: 0.75rem; }
th, td { padding: 0.32rem 0.45rem; text-align: left; vertical-align: top; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
thead th.n { white-space: normal; min-width: 4em; }
thead tr:last-child th { border-bottom: 1px solid var(--ink); }
th.span { text-align: center; padding-bottom: 0.1rem; }
th.span div { border-bottom: 1px solid var(--soft); padding-bottom: 0.2rem; }
.n { text-align: right; }
td small { display: block; color: var(--soft); font-size: 0.85em; }
tbody tr + tr td { border-top: 1px solid #eceef0; }
tr.full td { background: #f4f6f8; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; align-items: center; font-size: 0.84rem; }
.legend b { width: 1px; height: 1rem; background: var(--line); }
.legend i { display: inline-block; width: 0.85rem; height: 0.85rem; margin-right: 0.4rem; vertical-align: -0.1rem; }
.legend i.bar { width: 7rem; margin: 0 0.3rem; }
.legend i, tr.full td { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.gallery { min-width: 760px; margin-top: 0.8rem; }
.heads, .strip { display: grid; grid-template-columns: repeat(6, 1fr); gap: 6px; }
.heads { font-size: 0.84rem; font-weight: 600; border-bottom: 1px solid var(--ink); padding-bottom: 0.25rem; }
.strip { margin-bottom: 0.5rem; }
.strip figure { margin: 0; }
.strip img { display: block; width: 100%; height: auto; }
.strip span { font-size: 0.74rem; line-height: 1.3; color: var(--soft); }
details { margin: 1rem 0; border-top: 1px solid var(--line); padding-top: 0.6rem; }
summary { cursor: pointer; font-weight: 600; font-size: 0.92rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.2rem; font-size: 0.84rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media print {
  @page { margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3, h4 { break-after: avoid; }
  .item, .strip, tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  .gallery { min-width: 0; }
  table { font-size: 6.5pt; }
  table.small { font-size: 5.2pt; }
  th, td { padding: 0.15rem 0.25rem; white-space: normal; }
}
"""
