"""What a subject is asked to do: plain data, so that a child can be told and a trace can say it."""

from __future__ import annotations

from typing import Any

import msgspec


class CorpusRef(msgspec.Struct, frozen=True):
    """Which corpus a scenario reads; the harness writes each distinct one once.

    Attributes:
        spec: fields of :class:`loadstone.loaders.corpus_writer.CorpusSpec`.
        sparse: positions of a huge sparse file instead; 0 for none.
        folder: real data instead; "" for none.
    """

    spec: dict[str, Any] = {}
    sparse: int = 0
    folder: str = ""

    @property
    def key(self) -> str:
        """The same for equal references."""
        return msgspec.json.encode(self, order="sorted").decode()


class Scenario(msgspec.Struct, frozen=True):
    """One thing to do with a subject.

    Attributes:
        name: by which judges ask for its trace.
        config: fields of :class:`loadstone.loaders.contract.LoaderConfig`.
        batches: at most so many in each iteration.
        runs: how many times to iterate over the same loader.
        hold: how many yielded batches the consumer keeps alive and looks at again.
        draws: whether the consumer draws from the global random generators between batches.
        index: indices to ask ``loader[i]`` for, instead of iterating.
        memory: bytes the loader may take in this scenario; 0 leaves it to the run's own limit.
        saves: take a state after so many batches, counted over all iterations (0: before the first);
            where any is asked for, one is taken at the end of every iteration too.
        after: begin from a state that another scenario saved: its name, after how many batches, and
            whether the iteration had ended by then.
        load: when that state is loaded: before ``iter()``, or after one batch was taken (late).
        epochs: call ``set_epoch`` with these before each iteration; -1 leaves it alone.
        leave: break off every iteration after so many batches; 0 for never.
        mutate: overwrite each batch once it was recorded, as an in-place operation would.
        close: call ``close()`` at the end and look at the held batches again.
        together: scenarios of equal name here run at the same time, as ranks do.
        of: the scenario it follows from, for selecting them together.
        probe: something else to try with the loader: ``pickle``, ``fork``, ``kill-worker``,
            ``slow-worker``, ``consume``, ``pulls``, ``residue``, ``leaving``, ``living``, ``peak`` or
            ``workers``.
        exact: in a process whose allocator counts live bytes exactly.
        pause: seconds the consumer takes over each batch.
        schedule: send the batches to a device: that of a late device that stands in for CUDA
            (``prompt``, ``late``, ``busy``), ``cuda`` itself behind a long kernel,
            ``cuda-idle`` without one, or ``none``: there is no device.
    """

    name: str
    corpus: CorpusRef
    config: dict[str, Any] = {}
    batches: int = 64
    runs: int = 1
    hold: int = 6
    draws: bool = False
    index: tuple[int, ...] = ()
    memory: int = 0
    saves: tuple[int, ...] = ()
    after: tuple[str, int, bool] | None = None
    load: str = "before"
    epochs: tuple[int, ...] = ()
    leave: int = 0
    mutate: bool = False
    close: bool = False
    together: str = ""
    of: str = ""
    probe: str = ""
    exact: bool = False
    pause: float = 0.0
    schedule: str = ""
