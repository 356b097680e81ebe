# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What was done, said by scanpy's own log where scanpy is in use."""

import logging
import sys

N_NAMED = 5


def _log():
    return getattr(sys.modules.get("scanpy"), "logging", None)


def started(what):
    """Say what begins; gives what `finished` needs to tell the time."""
    log = _log()
    if log is not None:
        return log.info(what)
    logging.getLogger("selfsupervised").info(what)
    return None


def finished(start, results, summary, empty_cells):
    """Say what was added, and, with ``scanpy.settings.verbosity = 3``, in which fields."""
    added = "added\n" + "\n".join(
        f"    .{name}[{key!r}]" for name, values in results.items() for key in values
    )
    lines = f"{summary}\n{added}"
    if len(empty_cells):
        named = ", ".join(map(repr, map(str, empty_cells[:N_NAMED])))
        more = ", ..." if len(empty_cells) > N_NAMED else ""
        lines += f"\n{len(empty_cells)} cells without any molecule stay empty: {named}{more}"
    log = _log()
    if log is not None:
        log.info("    finished", time=start, deep=lines)
    else:
        logging.getLogger("selfsupervised").info(lines)
