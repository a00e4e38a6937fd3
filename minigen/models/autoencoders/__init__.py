"""Auto-encoders: networks that learn to copy their input through something that makes it hard.

Read in this order:
a narrow code     mlp.py, linear.py; how narrow: overcomplete.py, memoriser.py
pictures          conv.py, unet.py
a price           sparse.py, hashing.py, contractive.py
spoilt input      denoising.py, speech_denoising.py, inpainting.py, context_encoder.py
what it is for    anomaly_detection.py, compression.py, transfer.py
"""
