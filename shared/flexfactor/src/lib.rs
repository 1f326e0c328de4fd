//! FlexFactor's API: client, wire types, mappings, webhook signature.
