"""The orthophoto with ground truth that ships with the tool, made by seeded code: nothing need be downloaded."""

from annotations.sample.files import sample_paths, write_landcover_layout, write_sample
from annotations.sample.scene import Sample, make_sample

__all__ = ["Sample", "make_sample", "sample_paths", "write_landcover_layout", "write_sample"]
