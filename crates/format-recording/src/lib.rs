//! Reads the recordings of profkit's tracer and sampler.
