//! The OpenAPI document, made from the types that are answered and read, and from the table of operations.
