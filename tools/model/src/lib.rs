//! The model is a test and nothing else: `tests/model`.
