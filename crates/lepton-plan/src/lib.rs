//! A desired and an observed host, and the actions between them.
