"""What a loader does, inferred from its behaviour alone: right for all built-ins, and strict on lies."""

from __future__ import annotations

import subprocess
import sys

import pytest
from loadstone.harness.describing import Description, decorator
from loadstone.harness.inquiry import Inquiry, Opened
from loadstone.harness.subjects import find
from loadstone.loaders.traits import NAMES, Traits
from loadstone.suites.inference import KEPT, agrees, infer
from loadstone.suites.scenarios import Shape
from subject_files import PREAMBLE

BUILT_IN = (
    "in_memory",
    "in_memory[order=sequential]",
    "memmap_per_batch",
    "memmap_per_batch[order=sequential]",
    "memmap_persistent",
    "memmap_persistent[order=sequential]",
    "parquet_stream",
    "parquet_stream[buffer_size=10]",
    "parquet_stream[reads=pairs]",
    "conversation_deque",
)
# What one sees of each in any case: nothing may be left out for fear of being wrong.
CORE = {
    "reads",
    "order",
    "passes",
    "targets",
    "x_dtype",
    "y_dtype",
    "batch",
    "rng",
    "ranks",
    "workers",
    "resume",
}
TAUGHT = {
    "in_memory": {},
    "in_memory[order=sequential]": {},
    "memmap_per_batch": {},
    "memmap_persistent": {},
    "parquet_stream": {},
    "conversation_deque": {
        "overlap": (1, 0),
        "mask": ("assistant", "none"),
        "y_batch": ("fresh", "until-next"),
    },
}


def described(inquiry: Inquiry, text: str, shape: Shape) -> tuple[Opened, Description]:
    opened = inquiry.open(find(text), {}, {})
    observed, trouble = inquiry.describe(opened, shape)
    told = opened.described
    return opened, Description(opened.ref.name, told.stated, told.traits, observed, trouble)


def different(told: Description) -> dict[str, tuple[object, object]]:
    return {row.name: (row.stated, row.observed) for row in told.rows() if row.differs}


@pytest.mark.parametrize("shape", [Shape(4, 16, 1337), Shape(2, 5, 7)], ids=["4x16", "2x5"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_seen_of_a_built_in_never_contradicts_what_it_states(inquiry, name, shape):
    opened, told = described(inquiry, name, shape)
    assert told.trouble == ""
    assert different(told) == {}
    assert set(told.observed) >= CORE
    beyond = {row.name for row in told.rows() if row.stated is None}
    assert beyond == set(), "a built-in states everything"
    if opened.traits.joins == "flow":
        assert told.observed["joins"] == "flow"


@pytest.mark.parametrize("name", TAUGHT)
def test_of_the_loops_as_taught_only_broken_promises_differ(inquiry, name):
    _, told = described(inquiry, f"textbook.{name}", Shape())
    assert different(told) == TAUGHT[name]
    assert set(told.observed) >= CORE


@pytest.mark.parametrize("name", ["in_memory", "conversation_deque"])
def test_at_a_single_token_nothing_wrong_is_said(inquiry, name):
    _, told = described(inquiry, name, Shape(1, 1, 3))
    assert different(told) == {}
    assert told.observed["targets"] == "shifted"


def test_of_pairs_of_single_tokens_nothing_is_said_that_could_be_wrong(inquiry):
    _, told = described(inquiry, "parquet_stream[reads=pairs]", Shape(1, 1, 3))
    assert different(told) == {}


UNDECLARED = f"""{PREAMBLE}
class Loader:
    def __init__(self, corpus, config):
        tokens = np.fromfile(corpus.token_file(config.split), corpus.token_dtype).astype("i8")
        self.tokens, self.c, self.at = torch.from_numpy(tokens), config, 0
        self.size = config.batch_size * config.seq_len

    def __iter__(self):
        c = self.c
        step = self.size * c.world_size
        for index in range(self.at, (len(self.tokens) - 1) // step):
            start = index * step + c.rank * self.size
            self.at = index + 1
            x, y = (self.tokens[start + later :][: self.size].clone() for later in (0, 1))
            shape = (c.batch_size, c.seq_len)
            yield x.view(shape).int(), y.view(shape)
        self.at = 0

    def state_dict(self):
        return {{"at": self.at, "binding": [self.c.seq_len, self.c.world_size]}}

    def load_state_dict(self, state):
        if state["binding"] != [self.c.seq_len, self.c.world_size]:
            raise ValueError("a state of another shape")
        self.at = state["at"] SLIP

DECORATOR
def mine(corpus, config):
    return Loader(corpus, config)
"""


def write(folder, slip: str = "", decorated: str = "") -> str:
    code = UNDECLARED.replace("SLIP", slip).replace("DECORATOR", decorated)
    (folder / "mine.py").write_text("import loadstone\n" + code)
    return f"{folder / 'mine.py'}:mine"


def test_an_undeclared_loader_is_described_and_held_to_its_own_decorator(inquiry, tmp_path):
    _, told = described(inquiry, write(tmp_path), Shape())
    assert not told.declared
    assert told.observed == {
        "reads": "tokens", "order": "sequential", "passes": "one", "targets": "shifted", "overlap": 1,
        "row_overlap": 1, "joins": "flow", "mask": "none", "shape": "fixed", "short_last": False,
        "x_dtype": "int32", "y_dtype": "int64", "batch": "fresh", "rng": "own", "resume": "exact",
        "ranks": "disjoint", "rank_batches": "equal", "workers": False,
    }  # fmt: skip
    stated = inquiry.open(find(write(tmp_path, decorated=told.decorator())), {}, {})
    assert stated.described.stated
    assert stated.described.traits == told.observed
    findings, observed = inquiry.check(stated, Shape())
    assert {finding.id for finding in findings if finding.verdict == "fail"} == set()
    assert {name: value for name, value in observed.items() if told.observed.get(name) != value} == {}


@pytest.mark.parametrize(("slip", "grade"), [("", "exact"), ("+ 1", "approximate"), ("* 0", "none")])
def test_resume_is_graded_without_a_word_of_promise(inquiry, tmp_path, slip, grade):
    _, told = described(inquiry, write(tmp_path, slip), Shape())
    assert told.observed["resume"] == grade


def test_what_is_inferred_goes_into_the_document_of_a_check(inquiry):
    opened = inquiry.open(find("parquet_stream"), {}, {})
    _, observed = inquiry.check(opened, Shape(), ("alias.hold",))
    assert observed["targets"] == "shifted"
    assert observed["order"] in ("shuffled", "reordered")
    assert list(observed) == [name for name in NAMES if name in observed]


def test_without_a_main_pass_nothing_is_inferred():
    assert infer({}) == {}


def test_a_kept_promise_is_no_difference_and_a_broken_one_is():
    assert agrees("order", "reordered", "shuffled")
    assert not agrees("order", "shuffled", "reordered")
    assert not agrees("resume", "exact", "approximate")
    assert not agrees("batch", "fresh", "until-next")
    for name, stated, observed in KEPT:
        assert stated != observed
        assert Traits().replace({name: stated}) != Traits().replace({name: observed})


def test_the_decorator_is_code_that_states_what_was_seen():
    observed = {
        "reads": "tokens",
        "overlap": 1,
        "short_last": False,
        "ignore_index": -100,
        "y_dtype": "int64",
    }
    seen = {}
    code = decorator(observed).replace("@loadstone.loader", "loader")
    eval(code, {"loader": lambda **given: seen.update(given)})
    assert seen == observed
    assert max(map(len, decorator(dict.fromkeys(NAMES, "a-long-value")).splitlines())) <= 100


def loadstone(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadstone", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_verb_marks_differences_and_offers_a_decorator(tmp_path):
    done = loadstone("describe", "textbook.conversation_deque")
    assert done.returncode == 0
    marked = [line.split()[0] for line in done.stdout.splitlines() if line.rstrip().endswith("differs")]
    assert marked == ["overlap", "mask", "y_batch"]
    assert "@loadstone.loader" not in done.stdout
    done = loadstone("describe", write(tmp_path))
    assert "mine.py:mine states nothing" in done.stdout
    assert '    reads="tokens", order="sequential", passes="one"' in done.stdout


def test_a_loader_that_gives_nothing_shows_nothing(tmp_path):
    (tmp_path / "none.py").write_text("def mine(corpus, config):\n    raise RuntimeError('no data')\n")
    done = loadstone("describe", f"{tmp_path / 'none.py'}:mine")
    assert done.returncode == 10
    assert "shows nothing: it raised RuntimeError: no data in factory" in " ".join(done.stdout.split())


def test_what_is_no_subject_is_refused():
    done = loadstone("describe", "in_memor")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
