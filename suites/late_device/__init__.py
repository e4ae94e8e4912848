"""A device whose copies run late: it stands in for CUDA on any machine, to find transfer races.

:func:`.patches.late_device` puts it in place; :mod:`.streams` says when queued work runs,
:mod:`.memory` who owns memory, :mod:`.device` what a copy reads and when, :mod:`.tensors` what an
operation on a device tensor is.
"""
