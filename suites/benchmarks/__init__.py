"""The throughput suite as pytest-benchmark benchmarks."""
