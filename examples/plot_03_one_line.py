# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
One line from a noisy image to a denoised one
=============================================

Nothing is known but the noisy image: not the noise, not the method, no clean image.
"""

# %%
# A photograph of a cat in poor light: photons are counted, few of them where it is dark.
import numpy as np
from skimage.data import chelsea

import selfsupervised as ss

clean = chelsea()[70:198, 100:228].mean(axis=-1)
noisy = np.random.default_rng(0).poisson(clean / 6) * 6.0

# %%
# ``ss.denoise(noisy)`` is the line. With ``verbose=1`` it says what it found and what it tried,
# and with ``return_search=True`` it returns what chose, too.
denoised, search = ss.denoise(noisy, return_search=True, verbose=1)

# %%
# Before, after and what was removed, in which no outline of the cat should be seen. The truth
# stands beside it here only because this noise was made.
display = ss.DenoisingDisplay.from_predictions(noisy, denoised, clean=clean)

# %%
# The candidates, judged without the truth: each saw a noisier image and was compared with another
# whose noise is independent of it.
search.plot()
for name, image in (("noisy", noisy), ("denoised", denoised)):
    print(f"{name}: root mean squared error {np.sqrt(np.mean((image - clean) ** 2)):.1f}")
