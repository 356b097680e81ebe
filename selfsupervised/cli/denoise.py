# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised denoise``: files, one after another, whatever becomes of each."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial

import selfsupervised
from selfsupervised.auto.auto_denoiser import already_fitted
from selfsupervised.cli.commands import FAILED_STATUS
from selfsupervised.cli.inputs import check_outputs, expanded, output_of, why_not_written
from selfsupervised.cli.one_file import denoise_file
from selfsupervised.cli.progress import progress
from selfsupervised.cli.words import table, to_stderr, warnings_in_words
from selfsupervised.core.words import in_short

DONE, BEFORE, FAILED = "done", "done before", "failed"


@dataclass
class Outcome:
    """What became of a file."""

    input: str
    output: str | None = None
    status: str = DONE
    seconds: float | None = None
    axes: str | None = None
    n_images: int | None = None
    chosen: list | None = None
    said: list | None = None
    error: str | None = None


def run(options):
    """Denoise what the options name; the status of the command."""
    inputs = expanded(options.inputs)
    pairs = [(path, output_of(path, options)) for path in inputs]
    check_outputs(pairs, options)
    outcomes = []
    model = _model(options)
    with progress(len(pairs), shown=not (options.quiet or options.json)) as bar:
        for path, output in pairs:
            outcome = _one(path, output, options, model, bar, lone=len(pairs) == 1)
            outcomes.append(outcome)
            if options.json:
                print(json.dumps({k: v for k, v in asdict(outcome).items() if v is not None}))
                sys.stdout.flush()
    if len(outcomes) > 1 and not options.json:
        _print_table(outcomes, options)
    return FAILED_STATUS if any(outcome.status == FAILED for outcome in outcomes) else 0


def _model(options):
    """The method: a name, or what `train` wrote."""
    if options.model is None:
        return options.method
    if not options.model.is_file():
        raise FileNotFoundError(f"Expected a model at {options.model}, found no such file.")
    return already_fitted(selfsupervised.load(options.model))


def _one(path, output, options, model, bar, *, lone):
    """Denoise one file. What is wrong with a lone file is raised, with one of many noted."""
    outcome, start = Outcome(str(path), str(output)), time.perf_counter()
    say = partial(_say, options, path if not lone else None, bar)
    try:
        message, done = why_not_written(path, output, options)
        if done:
            outcome.status = BEFORE
            return outcome
        if message:
            raise ValueError(message)
        with warnings_in_words(path.name) as said, bar.file():
            found, outcome.axes, outcome.n_images = denoise_file(
                path, output, options, model, say=say, check=options.interrupts.check
            )
        outcome.said = said or None
        outcome.chosen = [in_short(one.denoiser_) for one in found]
        outcome.seconds = round(time.perf_counter() - start, 2)
        say(f"wrote {output} ({outcome.seconds:.1f} s)")
    except (KeyError, OSError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        if lone:
            raise
        outcome.status, outcome.output, outcome.error = FAILED, None, str(error)
        to_stderr(f"denoise: {path}: {error}")
    return outcome


def _say(options, path, bar, line):
    """Print a line on what was done, with the name of the file where there are several."""
    if not (options.quiet or options.json):
        bar.clear()
        print(f"{path}: {line}" if path else line, flush=True)


def _print_table(outcomes, options):
    failed = [outcome for outcome in outcomes if outcome.status == FAILED]
    if options.quiet and not failed:
        return
    rows = [("file", "status", "seconds", "result")]
    for outcome in failed if options.quiet else outcomes:
        seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
        result = outcome.error or outcome.output or ""
        rows.append((outcome.input, outcome.status, seconds, result))
    print(table(rows))
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} files are denoised.")
