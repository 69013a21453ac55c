"""Methods that others published: through their own packages where there are any, else as small surrogates.

Each is a sampler of cotune; `benchmarks.methods` names them and imports a file only when its method is asked for.
"""
