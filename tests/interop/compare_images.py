#!/usr/bin/python3
"""compare_images.py A.mrcs B.mrcs LIMIT [--any-shift]: relative distance of the images of A from those of B.

Sums run over the Fourier coefficients within 0.8 of Nyquist; the worst image counts. --any-shift first moves the images
of A by one whole-pixel shift, the same for all, that fits the first image best. Exit code 1 above LIMIT."""
import sys
import warnings

import mrcfile
import numpy as np

warnings.simplefilter("ignore")
a, b = (mrcfile.open(name, permissive=True).data.astype(float) for name in sys.argv[1:3])
if a.shape != b.shape:
    sys.exit(f"shapes {a.shape} and {b.shape} differ")
n = a.shape[-1]
if "--any-shift" in sys.argv:
    product = np.fft.fft2(b[0]) * np.fft.fft2(a[0]).conj()
    best = np.unravel_index(np.fft.ifft2(product).real.argmax(), (n, n))
    print("shift (y, x):", [(s + n // 2) % n - n // 2 for s in best])
    a = np.roll(a, best, axis=(1, 2))
k = np.fft.fftfreq(n) * n
inside = np.hypot(*np.meshgrid(k, k)) <= 0.8 * n / 2
fa, fb = np.fft.fft2(a) * inside, np.fft.fft2(b) * inside
power = (np.abs(fb) ** 2).sum((1, 2))
error = np.sqrt((np.abs(fa - fb) ** 2).sum((1, 2)) / power)
scale = (fa * fb.conj()).real.sum((1, 2)) / power
print(f"{len(a)} images: relative distance mean {error.mean():.4f}, largest {error.max():.4f}; "
      f"scale {scale.min():.4f} to {scale.max():.4f}")
sys.exit(0 if error.max() <= float(sys.argv[3]) else 1)
