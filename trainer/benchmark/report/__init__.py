"""The parts of the benchmark's report: numbers, tables, figures and the page."""
