"""`uv run python -m tests.benchmarks` runs all of them; `python -m tests.benchmarks.first_paint` runs one."""

from __future__ import annotations

from tests.benchmarks import first_paint, save_to_live, unchanged_build

for benchmark in (unchanged_build, first_paint, save_to_live):
    benchmark.main()
