"""Subjects that misbehave: each costs itself a verdict, and leaves nothing behind."""

from __future__ import annotations

import processes
import pytest
import subject_files as subjects
from loadstone.harness import agenda
from loadstone.harness import inquiry as inquiries
from loadstone.harness.inquiry import Inquiry
from loadstone.suites.scenarios import Shape

MIB = 1 << 20
DEADLINE_S = 1.5


@pytest.fixture(scope="module")
def asking(launcher) -> Inquiry:
    """For subjects that end by themselves, whatever they do before."""
    return Inquiry(launcher, deadline_s=60.0, memory_limit=400 * MIB)


@pytest.fixture(scope="module")
def impatient(launcher) -> Inquiry:
    """For subjects that never end."""
    return Inquiry(launcher, deadline_s=DEADLINE_S)


@pytest.fixture(autouse=True)
def nothing_left_and_the_next_one_served(asking, tmp_path):
    """After each of them: no process of theirs remains, and a loader that is right is recorded."""
    yield
    assert processes.ours() == []
    trace = subjects.record(asking, subjects.write(tmp_path, subjects.GOOD, "after.py"))
    assert (trace.end.how, len(trace.good)) == ("limit", 8)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("ctypes.string_at(0)", "killed by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM"),
        ("os.kill(os.getpid(), 40)", "killed by signal 40"),
        ("os.abort()", "killed by SIGABRT"),
        ("os.closerange(3, 4096)\nyield from batches(corpus, config, 2)", "exit code 0"),
    ],
)
def test_one_that_ends_its_process_has_died(asking, tmp_path, body, error):
    trace = subjects.record(asking, subjects.generator(tmp_path, body))
    assert trace.end.how == "died"
    assert trace.end.error == error
    assert len(trace.good) == 2
    assert "ended its process" in trace.fate()


SOCKETS = """
for fd in os.listdir('/proc/self/fd'):
    try:
        ours = os.readlink(f'/proc/self/fd/{fd}').startswith('socket:')
    except OSError:
        continue
    if ours:
        os.write(int(fd), NOISE)
"""


@pytest.mark.parametrize(
    ("noise", "error"),
    [("b'x' * 99", "exit code 0"), ("bytes([2, 0, 0, 0, 0, 0, 0, 0, 7, 7])", "it wrote into the socket")],
)
def test_one_that_writes_into_every_socket(asking, tmp_path, noise, error):
    trace = subjects.record(asking, subjects.generator(tmp_path, f"NOISE = {noise}\n{SOCKETS}"))
    assert trace.end.how == "died"
    assert error in trace.end.error
    assert len(trace.good) == 2


def test_a_crash_in_native_code_says_where(asking, tmp_path):
    trace = subjects.record(asking, subjects.generator(tmp_path, "ctypes.string_at(0)"))
    assert "Segmentation fault" in trace.output
    assert "subject.py" in trace.output


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ValueError('shard 7 is torn')", "ValueError: shard 7 is torn"),
        ("sys.exit(5)", "SystemExit: 5"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class Odd(BaseException): pass\nraise Odd('x\\n' * 1000)", "Odd: x x x"),
        ("def deep(n): return deep(n + 1)\ndeep(0)", "RecursionError"),
        ("hoard = []\nwhile True: hoard.append(bytearray(50_000_000))", "MemoryError"),
        ("torch.empty(10**9, dtype=torch.int64)", "RuntimeError"),
    ],
)
def test_one_that_raises_is_quoted(asking, tmp_path, body, error):
    trace = subjects.record(asking, subjects.generator(tmp_path, body))
    assert (trace.end.how, trace.end.where) == ("error", "next")
    assert error in trace.end.error
    assert len(trace.end.error) < 400
    assert "subject.py" in trace.end.traceback
    assert len(trace.good) == 2


@pytest.mark.parametrize(
    ("body", "batches"),
    [
        ("time.sleep(60)", 2),
        ("while True: pass", 2),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\ntime.sleep(60)", 2),
        ("threading.Lock().acquire()\nthreading.Event().wait()", 2),
    ],
)
def test_one_that_hangs_is_ended_at_its_deadline(impatient, tmp_path, body, batches):
    trace = subjects.record(impatient, subjects.generator(tmp_path, body))
    assert (trace.end.how, len(trace.good)) == ("deadline", batches)
    assert "did not finish within its deadline" in trace.fate()


def test_one_that_hangs_in_its_factory(impatient, tmp_path):
    trace = subjects.record(impatient, subjects.write(tmp_path, "def subject(c, g): time.sleep(60)"))
    assert (trace.end.how, trace.batches) == ("deadline", [])


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("os._exit(7)", ["importing subject.py:subject ended its process", "exit code 7", "it said nothing"]),
        ("ctypes.string_at(0)", ["killed by SIGSEGV"]),
        ("sys.exit('no licence')", ["SystemExit: no licence"]),
    ],
)
def test_an_import_that_ends_its_process_is_a_wrong_subject(asking, tmp_path, code, parts):
    with pytest.raises(inquiries.SubjectError) as caught:
        asking.open(subjects.write(tmp_path, code), {}, {})
    assert [part for part in parts if part not in str(caught.value)] == []


def test_an_import_that_never_ends_is_a_wrong_subject(asking, tmp_path, monkeypatch):
    monkeypatch.setattr(inquiries, "IMPORT_DEADLINE_S", DEADLINE_S)
    with pytest.raises(inquiries.SubjectError, match="did not end within"):
        asking.open(subjects.write(tmp_path, "time.sleep(60)"), {}, {})


START_ONE = {
    "a fork": "pid = os.fork()\nif not pid:\n    time.sleep(60)\n    os._exit(0)",
    "a program": "pid = subprocess.Popen(['sleep', '60']).pid",
    "a program in its own session": "pid = subprocess.Popen(['sleep', '60'], start_new_session=True).pid",
    "a daemon": "if not os.fork():\n    os.setsid()\n    pid = os.fork()\n    if pid:\n"
    "        print(pid, file=open(NOTE, 'w'), flush=True)\n        os._exit(0)\n"
    "    time.sleep(60)\n    os._exit(0)\nos.wait()\npid = open(NOTE).read()",
}
ENDINGS = {"ends": "return", "dies": "os.kill(os.getpid(), signal.SIGKILL)", "hangs": "time.sleep(60)"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("start", START_ONE)
def test_what_it_started_ends_with_it(asking, impatient, tmp_path, start, ending):
    note = tmp_path / "pid"
    write = f"NOTE = {str(note)!r}\n{START_ONE[start]}\nprint(pid, file=open(NOTE, 'w'), flush=True)"
    asked = impatient if ending == "hangs" else asking
    trace = subjects.record(asked, subjects.generator(tmp_path, f"{write}\n{ENDINGS[ending]}"))
    assert trace.end.how == {"ends": "stop", "dies": "died", "hangs": "deadline"}[ending]
    assert processes.gone(int(note.read_text(encoding="utf-8")))


def test_a_flood_of_output_slows_no_one(asking, tmp_path):
    flood = "for _ in range(100): os.write(2, b'x' * 1_000_000)\nprint('y' * 10_000_000)\nraise ValueError"
    trace = subjects.record(asking, subjects.generator(tmp_path, flood))
    assert trace.end.error.startswith("ValueError")
    assert 4000 <= len(trace.output) < 10_000


def test_a_thread_that_never_ends_does_not_hold_the_process(asking, tmp_path):
    thread = "threading.Thread(target=time.sleep, args=(60,), daemon=False).start()"
    trace = subjects.record(asking, subjects.generator(tmp_path, thread))
    assert (trace.end.how, len(trace.good)) == ("stop", 2)  # killed while it waits, it would have died


def test_what_it_does_to_its_process_is_its_own(asking, tmp_path):
    vandal = """
        os.chdir('/'); os.environ.clear(); sys.path.clear(); sys.modules.pop('torch')
        torch.manual_seed(0); random.seed(0); np.random.seed(0); torch.set_num_threads(3)
        torch.Tensor.cpu = None; sys.stdout = sys.stderr = None; signal.alarm(1)
    """
    subjects.record(asking, subjects.generator(tmp_path, vandal))
    told = """
        def subject(corpus, config):
            raise ValueError(f"{os.getcwd() == '/'} {'PATH' in os.environ} {torch.Tensor.cpu is None}")
    """
    trace = subjects.record(asking, subjects.write(tmp_path, told, "next.py"))
    assert trace.end.error == "ValueError: False True False"


def test_two_hangs_are_enough_to_judge(impatient, tmp_path):
    ref = subjects.generator(tmp_path, "time.sleep(60)")
    opened, told = impatient.open(ref, {}, {}), []
    findings, _ = impatient.check(opened, Shape(2, 4), tell=told.append)
    assert len(told) == agenda.MOST_HANGS
    (finite,) = (finding for finding in findings if finding.id == "end.finite")
    assert (finite.verdict, finite.evidence["scenario"]) == ("fail", "pass")
    assert "no end to the wait after 2 batches" in finite.reason


def test_an_error_is_told_once_with_its_traceback(asking, tmp_path):
    opened = asking.open(subjects.generator(tmp_path, "raise OSError('disk gone')"), {}, {})
    findings, _ = asking.check(opened, Shape(2, 4), only=("end.finite",))
    (finite,) = findings
    assert finite.verdict == "fail"
    assert "raised OSError: disk gone in next after 2 batches" in finite.reason
    assert "subject.py" in finite.evidence["traceback"]
