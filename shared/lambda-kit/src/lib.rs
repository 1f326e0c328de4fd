//! What every function's main needs: telemetry, settings, secrets, batches.
