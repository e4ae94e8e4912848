"""What a loader may yield instead of a batch: it is told as its problem, and the recording goes on."""

from __future__ import annotations

import pytest
import subject_files as subjects
from loadstone.harness.inquiry import Inquiry
from loadstone.suites.scenarios import Shape

NO_BATCH = {
    "None": ("None", "the batch is None, where a tensor was expected"),
    "a number": ("3", "the batch is int"),
    "text": ("'text'", "the batch is str"),
    "an object": ("object()", "the batch is object"),
    "lists": ("([[1, 2]], [[2, 3]])", "x is list, where a tensor was expected"),
    "ragged lists": ("[[1, 2, 3], [4]]", "x is list"),
    "five things": ("(1, 2, 3, 4, 5)", "a tuple of 5 items, where (x, y) was expected"),
    "nothing": ("()", "a tuple of 0 items"),
    "a strange mapping": ("{'ids': [1]}", "a mapping with the keys ['ids']"),
    "objects in an array": ("np.array([None, 'a'])", "TypeError"),
    "an array read backwards": ("(np.arange(8).reshape(2, 4)[:, ::-1],) * 2", "ValueError"),
    "a mapping that raises": ("type('M', (dict,), {'__getitem__': lambda *_: 1 / 0})(x=1)", "ZeroDivision"),
    "a sparse tensor": ("torch.eye(3).to_sparse()", "Error"),
    "a tensor without memory": ("torch.empty(2, 4, device='meta')", "Error"),
}
STILL_A_BATCH = {
    "arrays": ("tuple(part.numpy() for part in right)", {"kind": "array", "dtype": "int64"}),
    "memory-mapped bytes": (
        "tuple(np.frombuffer(part.numpy().tobytes(), 'i8').reshape(2, 4) for part in right)",
        {"kind": "array"},
    ),
    "float tokens": ("tuple(part.float() for part in right)", {"dtype": "float32"}),
    "half floats": ("tuple(part.bfloat16() for part in right)", {"dtype": "bfloat16"}),
    "uint16": ("tuple(part.to(torch.uint16) for part in right)", {"dtype": "uint16"}),
    "a bare tensor": ("torch.cat([right[0], right[1][:, -1:]], 1)", {"dtype": "int64"}),
    "a list of two": ("list(right)", {"kind": "tensor"}),
    "a mapping": ("{'input_ids': right[0], 'labels': right[1], 'extra': object()}", {"shape": (2, 4)}),
    "gradients": ("tuple(part.float().requires_grad_() for part in right)", {"dtype": "float32"}),
    "transposed": ("tuple(part.T for part in right)", {"contiguous": False, "shape": (4, 2)}),
    "no rows": ("(right[0][:0], right[1][:0])", {"shape": (0, 4)}),
}
# Read-only memory is worth a warning of torch, which is the subject's own.
INSTEAD = """
import warnings
def subject(corpus, config):
    warnings.simplefilter("ignore")
    for right in batches(corpus, config, 3):
        yield {instead}
"""


@pytest.mark.parametrize("case", NO_BATCH)
def test_what_is_no_batch_is_told_and_recording_goes_on(inquiry, tmp_path, case):
    instead, problem = NO_BATCH[case]
    trace = subjects.record(inquiry, subjects.write(tmp_path, INSTEAD.format(instead=instead)))
    assert trace.end.how == "stop", trace.end.error
    assert len(trace.batches) == 3
    assert trace.good == []
    assert problem in trace.batches[2].problem
    assert "\n" not in trace.batches[2].problem


@pytest.mark.parametrize("case", STILL_A_BATCH)
def test_what_is_still_a_batch_is_recorded_as_it_is(inquiry, tmp_path, case):
    instead, expected = STILL_A_BATCH[case]
    trace = subjects.record(inquiry, subjects.write(tmp_path, INSTEAD.format(instead=instead)))
    assert (trace.end.how, len(trace.good)) == ("stop", 3), trace.batches[0].problem
    x = trace.good[0].x
    assert {name: getattr(x, name) for name in expected} == expected
    assert x.array().size == x.shape[0] * x.shape[1]


def test_batches_of_different_shapes_are_each_recorded(inquiry, tmp_path):
    ragged = """
        def subject(corpus, config):
            for n, (x, y) in enumerate(batches(corpus, config, 4)):
                yield x[:, : n + 1], y[: n % 2 + 1]
    """
    trace = subjects.record(inquiry, subjects.write(tmp_path, ragged))
    assert [batch.x.shape for batch in trace.good] == [(2, 1), (2, 2), (2, 3), (2, 4)]
    assert [batch.y.shape for batch in trace.good] == [(1, 4), (2, 4), (1, 4), (2, 4)]


@pytest.mark.parametrize("instead", ["None", "object()", "right[0].tolist()", "'text'"])
def test_no_batch_at_all_fails_the_check_of_its_type(inquiry, tmp_path, instead):
    ref = subjects.write(tmp_path, INSTEAD.format(instead=instead))
    findings, observed = inquiry.check(inquiry.open(ref, {}, {}), Shape(2, 4), only=("batch",))
    (kind,) = (finding for finding in findings if finding.id == "batch.type")
    assert kind.verdict == "fail"
    assert "where a tensor was expected" in kind.reason + kind.diagnosis + str(kind.evidence)
    assert observed == {}


LOADERS = {
    "a length that raises": "def __len__(self): raise OSError('no index yet')",
    "a length that is none": "def __len__(self): return -5",
    "statistics that raise": "def stats(self): raise RuntimeError",
    "statistics of objects": "def stats(self): return {'now': object()}",
    "no attribute but what it needs": "def __getattr__(self, name): raise AttributeError(name)",
}


@pytest.mark.parametrize("case", LOADERS)
def test_what_goes_wrong_beside_the_batches_does_not_stop_them(inquiry, tmp_path, case):
    code = f"""
        class Loader:
            {LOADERS[case]}
            def __iter__(self):
                return batches(*self.given, 3)
        def subject(corpus, config):
            loader = Loader()
            loader.given = corpus, config
            return loader
    """
    trace = subjects.record(inquiry, subjects.write(tmp_path, code))
    assert (trace.end.how, len(trace.good)) == ("stop", 3)


@pytest.mark.parametrize("made", ["None", "7", "object()"])
def test_a_factory_that_makes_nothing_to_iterate(inquiry: Inquiry, tmp_path, made):
    trace = subjects.record(inquiry, subjects.write(tmp_path, f"def subject(c, g): return {made}"))
    assert (trace.end.how, trace.end.where) == ("error", "iter")
    assert "TypeError" in trace.end.error
