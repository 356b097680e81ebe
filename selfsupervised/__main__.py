# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m selfsupervised``."""

from selfsupervised.cli.commands import main

if __name__ == "__main__":
    main()
