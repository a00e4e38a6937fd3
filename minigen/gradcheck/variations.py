"""Other inputs to run a pair at: its modes (train and eval), and inputs that differ everywhere.

    modes(arguments, inputs, defaults) -> [(label, inputs), ...], the given mode first
    others(inputs)                     -> [inputs, ...], the most different first
"""
