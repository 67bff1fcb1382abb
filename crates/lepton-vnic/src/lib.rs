//! Which networks an instance gets, in which order, and why.
