//! The order's life: money, declines, statuses, transitions. No AWS, no HTTP, no provider.
